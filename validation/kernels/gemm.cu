// Our own exact product, int8 x int8 summed in int32, of which the low 16 bits are kept: the fallback where the vendor's
// library is missing, and the reference that its answer is compared with. Never the yardstick of time.
#include "types.cuh"

constexpr u32 TILE = 64;         // of the product, for one block of 16 x 16 threads
constexpr u32 DEPTH = 64;        // bytes of the inner dimension in shared memory at a time
constexpr u32 WORDS = DEPTH / 4; // four int8 to a word
constexpr u32 SIDE = 16;
constexpr u32 EACH = TILE / SIDE;

// a: rows of the left matrix, b: all columns of the right one, n bytes each; kept: as many rows of n uint16 as a has.
// A block makes a tile of 64 x 64, so the grid is (n / 64, rows / 64).
extern "C" __global__ void __launch_bounds__(SIDE * SIDE)
gemm_low16(const u32* a, const u32* b, u16* kept, u32 n) {
    // One word more a row: threads that read a column of words meet different banks.
    __shared__ u32 rows[TILE][WORDS + 1];
    __shared__ u32 columns[TILE][WORDS + 1];
    const u32 x = threadIdx.x, y = threadIdx.y;
    const u64 first_row = u64(blockIdx.y) * TILE, first_column = u64(blockIdx.x) * TILE;
    const u32 words_in_row = n / 4;
    int sum[EACH][EACH] = {};

    for (u32 depth = 0; depth < words_in_row; depth += WORDS) {
        for (u32 line = y; line < TILE; line += SIDE) {
            rows[line][x] = a[(first_row + line) * words_in_row + depth + x];
            columns[line][x] = b[(first_column + line) * words_in_row + depth + x];
        }
        __syncthreads();
        for (u32 word = 0; word < WORDS; ++word) {
#pragma unroll
            for (u32 i = 0; i < EACH; ++i)
#pragma unroll
                for (u32 j = 0; j < EACH; ++j)
                    sum[i][j] = __dp4a(
                        int(rows[y + i * SIDE][word]), int(columns[x + j * SIDE][word]), sum[i][j]);
        }
        __syncthreads();
    }
    for (u32 i = 0; i < EACH; ++i)
        for (u32 j = 0; j < EACH; ++j)
            kept[(first_row + y + i * SIDE) * n + first_column + x + j * SIDE] = u16(sum[i][j]);
}
