// The keyed digest of 64 x 64 tiles of the products: the commitment and each sweep are this kernel with other keys.
#include "types.cuh"

constexpr u32 TILE = 64;
constexpr u32 LANES = 64;
constexpr u32 OUTPUTS = 4;
constexpr u32 TILES_PER_BLOCK = 4;

struct DigestKey {
    u64 word[LANES + OUTPUTS];
};

__device__ __forceinline__ u64 absorb(u64 state, u64 word) {
    state = (state ^ word) * 0x9E3779B97F4A7C15ull;
    return state ^ (state >> 32);
}

// Words p * 256 + 4 * lane + q of a tile, p = 0..15 and q = 0..3: one vector of four from every fourth row.
__device__ __forceinline__ u64 lane_state(const uint4* vectors, u32 vectors_in_row, u64 state) {
    uint4 loaded[TILE / 4];
    // All loads first: the chain below waits for the multiplier, not for memory.
#pragma unroll
    for (u32 p = 0; p < TILE / 4; ++p) loaded[p] = vectors[u64(p) * 4 * vectors_in_row];
#pragma unroll
    for (u32 p = 0; p < TILE / 4; ++p) {
        state = absorb(state, loaded[p].x);
        state = absorb(state, loaded[p].y);
        state = absorb(state, loaded[p].z);
        state = absorb(state, loaded[p].w);
    }
    return state;
}

// digests[i] = the digest of tile first + i, counted through all products (k, row, column), as four 64 bit words.
// products: K matrices of n x n int32, row-major, one after another. A block is LANES x TILES_PER_BLOCK threads.
extern "C" __global__ void __launch_bounds__(LANES * TILES_PER_BLOCK)
digest_tiles(const uint4* products, u32 n, u64 first, u64 count, const DigestKey* key, u64* digests) {
    __shared__ u64 lanes[TILES_PER_BLOCK][LANES];
    __shared__ u64 outputs[TILES_PER_BLOCK][OUTPUTS];
    const u32 lane = threadIdx.x;
    const u32 slot = threadIdx.y;
    const u64 index = u64(blockIdx.x) * TILES_PER_BLOCK + slot;
    // No early return: every thread of the block has to reach the barriers.
    const bool within = index < count;

    if (within) {
        const u32 tiles_in_row = n / TILE;
        const u32 vectors_in_row = n / 4;
        const u64 tile = first + index;
        // Rows of all products together: product k begins at row k * n.
        const u64 row = (tile / tiles_in_row) * TILE + lane / 16;
        const u64 column = (tile % tiles_in_row) * (TILE / 4) + lane % 16;
        lanes[slot][lane] =
            lane_state(products + row * vectors_in_row + column, vectors_in_row, key->word[lane]);
    }
    __syncthreads();

    u64 state = 0;
    if (within && lane < OUTPUTS) {
        state = key->word[LANES + lane];
        for (u32 i = 0; i < LANES / OUTPUTS; ++i)
            state = absorb(state, lanes[slot][lane * (LANES / OUTPUTS) + i]);
        outputs[slot][lane] = state;
    }
    __syncthreads();

    if (within && lane < OUTPUTS) {
        for (u32 i = 1; i < OUTPUTS; ++i)
            state = absorb(state, outputs[slot][(lane + i) % OUTPUTS]);
        digests[index * OUTPUTS + lane] = state;
    }
}
