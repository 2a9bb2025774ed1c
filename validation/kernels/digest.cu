// The keyed digest of 64 x 64 tiles of the products: the commitment and each sweep are this kernel with other keys.
#include "types.cuh"

constexpr u32 TILE = 64;
constexpr u32 LANES = 64;
constexpr u32 OUTPUTS = 4;
constexpr u32 TILES_PER_BLOCK = 4;

// 16 bytes are a vector: four words, eight elements.
constexpr u32 ELEMENTS_IN_VECTOR = 8;
constexpr u32 VECTORS_IN_TILE_ROW = TILE / ELEMENTS_IN_VECTOR;
constexpr u32 ROWS_IN_STRETCH = LANES / VECTORS_IN_TILE_ROW;
constexpr u32 STRETCHES = TILE / ROWS_IN_STRETCH;

struct DigestKey {
    u64 word[LANES + OUTPUTS];
};

__device__ __forceinline__ u64 absorb(u64 state, u64 word) {
    state = (state ^ word) * 0x9E3779B97F4A7C15ull;
    return state ^ (state >> 32);
}

// A lane takes one vector of every stretch of LANES vectors, that is of eight rows of its tile.
__device__ __forceinline__ u64 lane_state(const uint4* mine, u64 vectors_in_stretch, u64 state) {
    uint4 loaded[STRETCHES];
    // The loads do not wait for the chain of multiplications below.
#pragma unroll
    for (u32 i = 0; i < STRETCHES; ++i) loaded[i] = mine[i * vectors_in_stretch];
#pragma unroll
    for (u32 i = 0; i < STRETCHES; ++i) {
        state = absorb(state, loaded[i].x);
        state = absorb(state, loaded[i].y);
        state = absorb(state, loaded[i].z);
        state = absorb(state, loaded[i].w);
    }
    return state;
}

// digests[i] = the digest of tile first + i, as four 64 bit words. Tiles count through all products: product, row,
// column. products: matrices of n x n uint16 by rows, one after another. A block is LANES x TILES_PER_BLOCK threads.
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
        const u64 vectors_in_row = n / ELEMENTS_IN_VECTOR;
        const u64 tile = first + index;
        // Rows count through all products too: product k begins at row k * n.
        const u64 row = tile / tiles_in_row * TILE + lane / VECTORS_IN_TILE_ROW;
        const u64 column = tile % tiles_in_row * VECTORS_IN_TILE_ROW + lane % VECTORS_IN_TILE_ROW;
        lanes[slot][lane] = lane_state(
            products + row * vectors_in_row + column, ROWS_IN_STRETCH * vectors_in_row, key->word[lane]);
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
