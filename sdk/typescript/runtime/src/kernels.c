// What is done to pixels for scripts, at the speed of a compiled effect.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

#define MAX_WEIGHTS 2047
#define RGBA32F 2

typedef float Pixel __attribute__((vector_size(16)));

static const uint8_t *bytes_of(JSContext *ctx, JSValueConst value, size_t least) {
    size_t size, offset, length, element;
    JSValue buffer = JS_GetTypedArrayBuffer(ctx, value, &offset, &length, &element);
    if (JS_IsException(buffer)) return NULL;
    const uint8_t *bytes = JS_GetArrayBuffer(ctx, &size, buffer);
    JS_FreeValue(ctx, buffer);
    if (!bytes || length < least || offset + least > size) {
        JS_ThrowRangeError(ctx, "the array is too short");
        return NULL;
    }
    return bytes + offset;
}

// mapChannels(input, output, width, height, stride, red, green, blue, alpha): each byte looked up in a table of 256.
JSValue kernel_map(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv) {
    size_t in_size, out_size;
    uint32_t sizes[3];
    const uint8_t *tables[4];
    for (int index = 0; index < 3; index++) // may run code of the script: before anything is looked at
        if (JS_ToUint32(ctx, &sizes[index], argv[2 + index]) < 0) return JS_EXCEPTION;
    const uint8_t *in = JS_GetArrayBuffer(ctx, &in_size, argv[0]);
    uint8_t *out = in ? JS_GetArrayBuffer(ctx, &out_size, argv[1]) : NULL;
    if (!out) return JS_EXCEPTION;
    for (int index = 0; index < 4; index++)
        if (!(tables[index] = bytes_of(ctx, argv[5 + index], 256))) return JS_EXCEPTION;
    uint64_t needed = (uint64_t)sizes[1] * sizes[2];
    if ((uint64_t)sizes[0] * 4 > sizes[2] || needed > in_size || needed > out_size)
        return JS_ThrowRangeError(ctx, "the frame is smaller than it is said to be");
    for (uint32_t y = 0; y < sizes[1]; y++) {
        const uint8_t *from = in + (size_t)y * sizes[2];
        uint8_t *to = out + (size_t)y * sizes[2];
        for (uint32_t x = 0; x < sizes[0] * 4; x += 4)
            for (int channel = 0; channel < 4; channel++) to[x + channel] = tables[channel][from[x + channel]];
    }
    return JS_UNDEFINED;
}

typedef struct {
    const uint8_t *in;
    uint8_t *out;
    uint32_t width, height, stride, format;
    float weights[MAX_WEIGHTS];
    int count; // odd
    Pixel *row;  // one row with `count / 2` pixels more at each end
    Pixel *ring; // the last `count` rows, blurred across
} Convolution;

static Pixel read_pixel(const Convolution *job, const uint8_t *row, uint32_t x) {
    Pixel pixel;
    if (job->format == RGBA32F)
        memcpy(&pixel, row + (size_t)x * 16, 16);
    else
        pixel = (Pixel){row[x * 4], row[x * 4 + 1], row[x * 4 + 2], row[x * 4 + 3]};
    return pixel;
}

static void across(const Convolution *job, uint32_t y) {
    const uint8_t *from = job->in + (size_t)y * job->stride;
    Pixel *to = job->ring + (size_t)(y % job->count) * job->width;
    int reach = job->count / 2;
    for (int x = -reach; x < (int)job->width + reach; x++)
        job->row[x + reach] = read_pixel(job, from, x < 0 ? 0 : x >= (int)job->width ? job->width - 1 : x);
    for (uint32_t x = 0; x < job->width; x++) {
        Pixel sum = {0};
        for (int tap = 0; tap < job->count; tap++) sum += job->row[x + tap] * job->weights[tap];
        to[x] = sum;
        to[x][3] = job->row[x + reach][3]; // alpha as it is
    }
}

static void write_pixel(const Convolution *job, uint8_t *row, uint32_t x, Pixel pixel) {
    if (job->format == RGBA32F) {
        memcpy(row + (size_t)x * 16, &pixel, 16);
        return;
    }
    for (int channel = 0; channel < 4; channel++) {
        float rounded = pixel[channel] + 0.5f;
        row[x * 4 + channel] = rounded <= 0 ? 0 : rounded >= 255 ? 255 : (uint8_t)rounded;
    }
}

static void down(const Convolution *job, uint32_t y) {
    const Pixel *rows[MAX_WEIGHTS];
    int reach = job->count / 2, last = (int)job->height - 1;
    for (int tap = 0; tap < job->count; tap++) {
        int at = (int)y + tap - reach;
        rows[tap] = job->ring + (size_t)((at < 0 ? 0 : at > last ? last : at) % job->count) * job->width;
    }
    uint8_t *to = job->out + (size_t)y * job->stride;
    for (uint32_t x = 0; x < job->width; x++) {
        Pixel sum = {0};
        for (int tap = 0; tap < job->count; tap++) sum += rows[tap][x] * job->weights[tap];
        sum[3] = rows[reach][x][3];
        write_pixel(job, to, x, sum);
    }
}

// A row is written once all rows that it is made of were read, so that input and output may be the same memory.
static void convolve(const Convolution *job) {
    uint32_t reach = job->count / 2, read = 0;
    for (uint32_t y = 0; y < job->height; y++) {
        for (; read < job->height && read <= y + reach; read++) across(job, read);
        down(job, y);
    }
}

static bool take_weights(JSContext *ctx, JSValueConst values, Convolution *job) {
    int64_t count;
    if (JS_GetLength(ctx, values, &count) < 0) return false;
    if (count < 1 || count > MAX_WEIGHTS || count % 2 == 0) {
        JS_ThrowRangeError(ctx, "there must be an odd number of weights, at most %d", MAX_WEIGHTS);
        return false;
    }
    job->count = (int)count;
    for (int index = 0; index < count; index++) {
        double weight;
        JSValue value = JS_GetPropertyUint32(ctx, values, index);
        if (JS_ToFloat64(ctx, &weight, value) < 0) return false;
        JS_FreeValue(ctx, value);
        job->weights[index] = (float)weight;
    }
    return true;
}

// convolve(input, output, width, height, stride, format, weights): across and down, edges repeated, alpha as it is.
JSValue kernel_convolve(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv) {
    static Convolution job; // large for a stack, and nothing here calls back into scripts once it is filled
    size_t in_size, out_size;
    if (!take_weights(ctx, argv[6], &job)) return JS_EXCEPTION;
    if (JS_ToUint32(ctx, &job.width, argv[2]) < 0 || JS_ToUint32(ctx, &job.height, argv[3]) < 0 ||
        JS_ToUint32(ctx, &job.stride, argv[4]) < 0 || JS_ToUint32(ctx, &job.format, argv[5]) < 0)
        return JS_EXCEPTION;
    job.in = JS_GetArrayBuffer(ctx, &in_size, argv[0]);
    job.out = job.in ? JS_GetArrayBuffer(ctx, &out_size, argv[1]) : NULL;
    if (!job.out) return JS_EXCEPTION;
    uint64_t needed = (uint64_t)job.height * job.stride, row = (uint64_t)job.width * (job.format == RGBA32F ? 16 : 4);
    if (job.width == 0 || row > job.stride || needed > in_size || needed > out_size)
        return JS_ThrowRangeError(ctx, "the frame is smaller than it is said to be");
    job.row = malloc((job.width + job.count) * sizeof(Pixel));
    job.ring = malloc((size_t)job.width * job.count * sizeof(Pixel));
    if (job.row && job.ring) convolve(&job);
    bool done = job.row && job.ring;
    free(job.row);
    free(job.ring);
    return done ? JS_UNDEFINED : JS_ThrowOutOfMemory(ctx);
}
