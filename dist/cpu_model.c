// SPDX-License-Identifier: ISC
// What __builtin_cpu_supports() looks at on x86, for a compiler whose runtime library lacks it
// (zig's).
//
// The names, the order of the fields and the numbers of the bits are those of libgcc's cpuinfo,
// which clang relies on too. Only what the ciphers ask for is filled in: AVX2 and AVX-512F. A
// processor has those if CPUID says so and the kernel keeps their registers, which XGETBV tells
// (Intel's Software Developer's Manual, volume 1, sections 14.3 and 15.2).
#include <cpuid.h>

#define FEATURE_AVX2    10
#define FEATURE_AVX512F 15
#define STATE_AVX       0x06 // XCR0: the registers of SSE and AVX are kept,
#define STATE_AVX512    0xe6 // and those of AVX-512

struct cpu_model {
    unsigned vendor, type, subtype, features[1];
};
struct cpu_model __cpu_model;

__attribute__((constructor(101))) static void fill_in(void) {
    unsigned a, b, c, d, state;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & bit_OSXSAVE) == 0)
        return;
    __asm__("xgetbv" : "=a"(state), "=d"(d) : "c"(0));
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return;
    if ((b & bit_AVX2) != 0 && (state & STATE_AVX) == STATE_AVX)
        __cpu_model.features[0] |= 1U << FEATURE_AVX2;
    if ((b & bit_AVX512F) != 0 && (state & STATE_AVX512) == STATE_AVX512)
        __cpu_model.features[0] |= 1U << FEATURE_AVX512F;
}
