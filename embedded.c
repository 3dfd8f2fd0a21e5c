#include "runtime.h"
static const char prelude[] = {
#embed "prelude.js"
, 0};
static const char typescript[] = {
#embed "typescript.js"
, 0};
static const char url[] = {
#embed "url.js"
, 0};
const Embedded EMBEDDED[] = {
    {"prelude", prelude, sizeof prelude - 1},
    {"typescript", typescript, sizeof typescript - 1},
    {"url", url, sizeof url - 1},
};
const int EMBEDDED_COUNT = 3;
