// The plugin's files, in the one piece of memory that the host has written them to, which is kept.
//
// u32 count, then for each file: u32 length of its name, u32 size of its text, the name, a zero byte, the text, a zero
// byte. The first is the plugin's main module. The host packs it; whatever a number says, nothing outside is read.
#include <string.h>

#include "runtime.h"

#define MAX_FILES 10000

static uint8_t *piece;
static size_t piece_size;
static uint32_t files;

static bool number(size_t *at, uint32_t *value) {
    if (piece_size - *at < 4) return false;
    memcpy(value, piece + *at, 4);
    *at += 4;
    return true;
}

static bool file_at(size_t *at, ProgramFile *file) {
    uint32_t name, text;
    if (!number(at, &name) || !number(at, &text)) return false;
    if ((uint64_t)name + text + 2 > piece_size - *at) return false;
    const char *start = (const char *)piece + *at;
    if (start[name] != 0 || strlen(start) != name || start[name + 1 + text] != 0) return false;
    file->name = start;
    file->text = start + name + 1;
    file->size = text;
    *at += (size_t)name + text + 2;
    return true;
}

bool program_set(uint8_t *packed, size_t size) {
    size_t at = 0;
    ProgramFile file;
    piece = packed;
    piece_size = size;
    if (!number(&at, &files) || files == 0 || files > MAX_FILES) return false;
    for (uint32_t index = 0; index < files; index++)
        if (!file_at(&at, &file)) return false;
    return at == size;
}

const ProgramFile *program_main(void) {
    static ProgramFile file;
    size_t at = 4;
    return file_at(&at, &file) ? &file : NULL;
}

const ProgramFile *program_find(const char *name) {
    static ProgramFile file;
    size_t at = 4;
    for (uint32_t index = 0; index < files; index++) {
        if (!file_at(&at, &file)) return NULL;
        if (strcmp(file.name, name) == 0) return &file;
    }
    return NULL;
}
