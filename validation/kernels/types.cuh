// Integer types by width: NVRTC has no <stdint.h>.
#pragma once

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

static_assert(sizeof(u32) == 4 && sizeof(u64) == 8, "the digests are defined on 32 and 64 bit words");
