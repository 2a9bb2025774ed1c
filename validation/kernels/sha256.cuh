// SHA-256 (FIPS 180-4) of the one message that a tree needs: 0x01, then two digests of 32 bytes.
#pragma once
#include "types.cuh"

__device__ __forceinline__ u32 rotate_right(u32 value, int bits) {
    return (value >> bits) | (value << (32 - bits));
}

// Digests lie in memory as bytes; SHA-256 reads words with the first byte on top.
__device__ __forceinline__ u32 swap_bytes(u32 value) {
    return (value >> 24) | ((value >> 8) & 0xff00u) | ((value << 8) & 0xff0000u) | (value << 24);
}

__device__ __forceinline__ void sha256_compress(u32 state[8], u32 w[16]) {
    const u32 constant[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    };
    u32 a = state[0], b = state[1], c = state[2], d = state[3];
    u32 e = state[4], f = state[5], g = state[6], h = state[7];
    // Unrolled whole, so that the constants become immediates and w stays in registers.
#pragma unroll
    for (int i = 0; i < 64; ++i) {
        if (i >= 16) {
            const u32 early = w[(i + 1) % 16], late = w[(i + 14) % 16];
            const u32 sigma0 = rotate_right(early, 7) ^ rotate_right(early, 18) ^ (early >> 3);
            const u32 sigma1 = rotate_right(late, 17) ^ rotate_right(late, 19) ^ (late >> 10);
            w[i % 16] += sigma0 + w[(i + 9) % 16] + sigma1;
        }
        const u32 sum1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25);
        const u32 t1 = h + sum1 + ((e & f) ^ (~e & g)) + constant[i] + w[i % 16];
        const u32 sum0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22);
        const u32 t2 = sum0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g; g = f; f = e; e = d + t1;
        d = c; c = b; b = a; a = t1 + t2;
    }
    state[0] += a; state[1] += b; state[2] += c; state[3] += d;
    state[4] += e; state[5] += f; state[6] += g; state[7] += h;
}

// node = SHA-256(0x01 || left || right); children: left and right one after the other, 16 words as they lie in memory.
__device__ __forceinline__ void sha256_node(const u32 children[16], u32 node[8]) {
    u32 state[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    };
    u32 w[16];
    u32 before = 0x01;
#pragma unroll
    for (int i = 0; i < 16; ++i) {
        const u32 word = swap_bytes(children[i]);
        w[i] = (before << 24) | (word >> 8);
        before = word;
    }
    sha256_compress(state, w);
    // The last byte, the padding's first bit, and the length of 65 bytes in bits.
    w[0] = (before << 24) | 0x00800000u;
#pragma unroll
    for (int i = 1; i < 15; ++i) w[i] = 0;
    w[15] = 65 * 8;
    sha256_compress(state, w);
#pragma unroll
    for (int i = 0; i < 8; ++i) node[i] = swap_bytes(state[i]);
}
