// The part of cuBLASLt's interface that the prover calls, by its published signatures, in plain loops on the CPU: column
// by column, transposed as described, refusing what the real library would not take for int8.
#include <cstddef>
#include <cstdint>

struct Layout {
    int type;
    std::uint64_t rows, columns;
    std::int64_t leading;
};

struct Operation {
    int compute, scale;
    std::int32_t transpose_a = 0;
};

struct Choice {
    std::uint64_t algorithm[8];
    std::size_t workspace;
    int state;
    float waves;
    int reserved[4];
};

constexpr int REFUSED = 15, INT8 = 3, INT32 = 10, COMPUTE_INT32 = 72;
constexpr std::uint64_t MARK = 0x1234;

extern "C" {

std::size_t cublasLtGetVersion() { return 120901; }

int cublasLtCreate(void** handle) { return *handle = new char, 0; }

int cublasLtMatmulDescCreate(Operation** made, int compute, int scale) {
    *made = new Operation{compute, scale};
    return 0;
}

int cublasLtMatmulDescSetAttribute(Operation* operation, int attribute, const void* value, std::size_t size) {
    if (attribute != 3 || size != 4) return REFUSED;
    operation->transpose_a = *static_cast<const std::int32_t*>(value);
    return 0;
}

int cublasLtMatrixLayoutCreate(
    Layout** made, int type, std::uint64_t rows, std::uint64_t columns, std::int64_t leading) {
    *made = new Layout{type, rows, columns, leading};
    return 0;
}

int cublasLtMatmulPreferenceCreate(void** made) { return *made = new std::uint64_t, 0; }

int cublasLtMatmulPreferenceSetAttribute(
    std::uint64_t* preference, int attribute, const void* value, std::size_t size) {
    if (attribute != 1 || size != 8) return REFUSED;
    *preference = *static_cast<const std::uint64_t*>(value);
    return 0;
}

int cublasLtMatmulPreferenceDestroy(std::uint64_t* preference) { return delete preference, 0; }

int cublasLtMatmulAlgoGetHeuristic(
    void*, Operation* operation, Layout* a, Layout* b, Layout* c, Layout* d, std::uint64_t* preference,
    int wanted, Choice* choices, int* found) {
    const bool fits = operation->compute == COMPUTE_INT32 && operation->scale == INT32 &&
        operation->transpose_a == 1 && a->type == INT8 && b->type == INT8 && c->type == INT32 && d == c &&
        a->rows == b->rows && d->rows == a->columns && d->columns == b->columns && wanted == 1 && *preference;
    *found = fits;
    choices[0].algorithm[0] = MARK;
    return fits ? 0 : REFUSED;
}

int cublasLtMatmul(
    void*, Operation*, const std::int32_t* alpha, const signed char* a, Layout* at, const signed char* b, Layout* bt,
    const std::int32_t* beta, const std::int32_t* c, Layout*, std::int32_t* d, Layout* dt,
    const std::uint64_t* algorithm, void* workspace, std::size_t workspace_bytes, void* stream) {
    if (*alpha != 1 || *beta != 0 || c != d || *algorithm != MARK) return REFUSED;
    if (!workspace || !workspace_bytes || stream) return REFUSED;
    for (std::uint64_t column = 0; column < dt->columns; ++column)
        for (std::uint64_t row = 0; row < dt->rows; ++row) {
            std::int32_t sum = 0;
            for (std::uint64_t i = 0; i < at->rows; ++i)
                sum += a[row * at->leading + i] * b[column * bt->leading + i];
            d[column * dt->leading + row] = sum;
        }
    return 0;
}
}
