// The ChaCha20 block function (RFC 8439, section 2.3).
#pragma once
#include "types.cuh"

struct ChaChaKey {
    u32 word[8];
};

__device__ __forceinline__ u32 rotate_left(u32 value, int bits) {
    return (value << bits) | (value >> (32 - bits));
}

__device__ __forceinline__ void quarter_round(u32& a, u32& b, u32& c, u32& d) {
    a += b; d = rotate_left(d ^ a, 16);
    c += d; b = rotate_left(b ^ c, 12);
    a += b; d = rotate_left(d ^ a, 8);
    c += d; b = rotate_left(b ^ c, 7);
}

__device__ __forceinline__ void chacha20_block(
    const ChaChaKey& key, u32 counter, u32 nonce0, u32 nonce1, u32 nonce2, u32 out[16]) {
    const u32 start[16] = {
        0x61707865, 0x3320646e, 0x79622d32, 0x6b206574,
        key.word[0], key.word[1], key.word[2], key.word[3],
        key.word[4], key.word[5], key.word[6], key.word[7],
        counter, nonce0, nonce1, nonce2,
    };
#pragma unroll
    for (int i = 0; i < 16; ++i) out[i] = start[i];
#pragma unroll
    for (int round = 0; round < 10; ++round) {
        quarter_round(out[0], out[4], out[8], out[12]);
        quarter_round(out[1], out[5], out[9], out[13]);
        quarter_round(out[2], out[6], out[10], out[14]);
        quarter_round(out[3], out[7], out[11], out[15]);
        quarter_round(out[0], out[5], out[10], out[15]);
        quarter_round(out[1], out[6], out[11], out[12]);
        quarter_round(out[2], out[7], out[8], out[13]);
        quarter_round(out[3], out[4], out[9], out[14]);
    }
#pragma unroll
    for (int i = 0; i < 16; ++i) out[i] += start[i];
}
