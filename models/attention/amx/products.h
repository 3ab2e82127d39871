// Products of bf16 matrices on the tiles of Intel AMX, and the layouts that they want.
//
// Matrices are row-major; `ld` is the distance from one row to the next, in values. A right-hand
// side is *paired*: [row / 2][column][row % 2], as the tile product reads it. All numbers of rows
// and columns are multiples of kStep.

#pragma once

#include <immintrin.h>

#include <cstdint>

namespace amx {

using bf16 = uint16_t;  // the upper half of a float's bits

constexpr int64_t kTile = 16;  // rows of a tile, and floats of a row or of a register
constexpr int64_t kStep = 32;  // bf16 values of a tile's row

inline int64_t rounded(int64_t n) { return (n + kStep - 1) / kStep * kStep; }

inline __m512 to_floats(__m256i values) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(values), 16));
}

inline __m256i to_bf16(__m512 values) { return (__m256i)_mm512_cvtneps_pbh(values); }

inline __m256i load(const bf16* values) { return _mm256_loadu_si256((const __m256i*)values); }

inline void store(bf16* out, __m256i values) { _mm256_storeu_si256((__m256i*)out, values); }

// Every tile has 16 rows of 64 bytes: for this thread, until _tile_release().
inline void configure_tiles() {
  struct alignas(64) Config {
    uint8_t palette = 1, start_row = 0, reserved[14] = {};
    uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  };
  // Compilers are not told that all of it is read, and would not write it to the stack.
  static constexpr Config config{};
  _tile_loadconfig(&config);
}

// c = a b, or c += a b: a of shape (m, k), b (k, n) paired, c (m, n).
inline void multiply(int64_t m, int64_t n, int64_t k, const bf16* a, int64_t lda, const bf16* b,
                     int64_t ldb, float* c, int64_t ldc, bool add) {
  // Nor are they told that loading a tile reads memory: all that is to be read is written by now.
  asm volatile("" ::: "memory");
  for (int64_t j = 0; j < n; j += kStep) {
    for (int64_t i = 0; i < m; i += kStep) {
      float* top = c + i * ldc + j;
      float* bottom = top + kTile * ldc;
      if (add) {
        _tile_loadd(0, top, ldc * sizeof(float));
        _tile_loadd(1, top + kTile, ldc * sizeof(float));
        _tile_loadd(2, bottom, ldc * sizeof(float));
        _tile_loadd(3, bottom + kTile, ldc * sizeof(float));
      } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
      }
      for (int64_t p = 0; p < k; p += kStep) {
        const bf16* left = a + i * lda + p;
        const bf16* right = b + p * ldb + 2 * j;
        _tile_loadd(4, left, lda * sizeof(bf16));
        _tile_loadd(6, right, 2 * ldb * sizeof(bf16));
        _tile_loadd(7, right + kStep, 2 * ldb * sizeof(bf16));
        _tile_loadd(5, left + kTile * lda, lda * sizeof(bf16));
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
      }
      _tile_stored(0, top, ldc * sizeof(float));
      _tile_stored(1, top + kTile, ldc * sizeof(float));
      _tile_stored(2, bottom, ldc * sizeof(float));
      _tile_stored(3, bottom + kTile, ldc * sizeof(float));
    }
  }
}

// Transposes 16 registers of 16 floats.
inline void transpose(__m512 (&rows)[kTile]) {
  __m512 x[kTile];
  for (int i = 0; i < kTile; i += 2) {
    x[i] = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
    x[i + 1] = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
  }
  for (int i = 0; i < kTile; i += 4) {
    for (int j = 0; j < 2; ++j) {
      const __m512d upper = _mm512_castps_pd(x[i + j]), lower = _mm512_castps_pd(x[i + j + 2]);
      rows[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(upper, lower));
      rows[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(upper, lower));
    }
  }
  // Quarter q of register i + c, for i = 0, 4, 8, 12, now has column 4 q + c of rows i to i + 3.
  for (int c = 0; c < 4; ++c) {
    const __m512 upper_even = _mm512_shuffle_f32x4(rows[c], rows[4 + c], 0x88);
    const __m512 upper_odd = _mm512_shuffle_f32x4(rows[c], rows[4 + c], 0xdd);
    const __m512 lower_even = _mm512_shuffle_f32x4(rows[8 + c], rows[12 + c], 0x88);
    const __m512 lower_odd = _mm512_shuffle_f32x4(rows[8 + c], rows[12 + c], 0xdd);
    x[c] = _mm512_shuffle_f32x4(upper_even, lower_even, 0x88);
    x[8 + c] = _mm512_shuffle_f32x4(upper_even, lower_even, 0xdd);
    x[4 + c] = _mm512_shuffle_f32x4(upper_odd, lower_odd, 0x88);
    x[12 + c] = _mm512_shuffle_f32x4(upper_odd, lower_odd, 0xdd);
  }
  for (int i = 0; i < kTile; ++i) rows[i] = x[i];
}

inline void store_row(float* out, __m512 values) { _mm512_storeu_ps(out, values); }

inline void store_row(bf16* out, __m512 values) { store(out, to_bf16(values)); }

// out, of shape (n, m), is the transpose of values (m, n), rounded if it is of bf16.
template <typename T>
void transpose(int64_t m, int64_t n, const float* values, int64_t ld, T* out, int64_t ld_out) {
  __m512 rows[kTile];
  for (int64_t j = 0; j < n; j += kTile) {
    for (int64_t i = 0; i < m; i += kTile) {
      for (int r = 0; r < kTile; ++r) rows[r] = _mm512_loadu_ps(values + (i + r) * ld + j);
      transpose(rows);
      for (int r = 0; r < kTile; ++r) store_row(out + (j + r) * ld_out + i, rows[r]);
    }
  }
}

// Pairs the rows of values (m, n); out has no gaps.
inline void pair_rows(int64_t m, int64_t n, const bf16* values, int64_t ld, bf16* out) {
  for (int64_t i = 0; i < m; i += 2) {
    const bf16* even = values + i * ld;
    const bf16* odd = even + ld;
    for (int64_t j = 0; j < n; j += kTile) {
      const __m512i low = _mm512_cvtepu16_epi32(load(even + j));
      const __m512i high = _mm512_slli_epi32(_mm512_cvtepu16_epi32(load(odd + j)), 16);
      _mm512_storeu_si512(out + i * n + 2 * j, _mm512_or_si512(low, high));
    }
  }
}

// Pairs the rows of the transpose (n, m) of values (m, n): moves pairs as if they were floats.
inline void pair_columns(int64_t m, int64_t n, const bf16* values, bf16* out) {
  transpose(m, n / 2, reinterpret_cast<const float*>(values), n / 2, reinterpret_cast<float*>(out),
            m);
}

// Undoes `pair_rows`, for out of shape (m, n).
inline void unpair_rows(int64_t m, int64_t n, const bf16* pairs, bf16* out) {
  for (int64_t i = 0; i < m; i += 2) {
    for (int64_t j = 0; j < n; j += kTile) {
      const __m512i both = _mm512_loadu_si512(pairs + i * n + 2 * j);
      store(out + i * n + j, _mm512_cvtepi32_epi16(both));
      store(out + (i + 1) * n + j, _mm512_cvtepi32_epi16(_mm512_srli_epi32(both, 16)));
    }
  }
}

}  // namespace amx
