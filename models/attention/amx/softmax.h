// What becomes of one query's scores, and of their gradients.

#pragma once

#include <algorithm>
#include <cmath>

#include "products.h"

namespace amx {

// Lanes 0..n-1.
inline __mmask16 first(int64_t n) { return n >= kTile ? 0xffff : n <= 0 ? 0 : (1 << n) - 1; }

// e^x for x <= 0, with a relative error below 3e-7 + 1e-7 |x| down to -87, then to 0; NaN of NaN.
inline __m512 exponential(__m512 x) {
  x = _mm512_mul_ps(x, _mm512_set1_ps(1.44269504f));
  x = _mm512_max_ps(_mm512_set1_ps(-150.f), x);  // the second, if one of them is NaN
  const __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 part = _mm512_sub_ps(x, whole);
  // Taylor's series of 2^part, with |part| <= 1/2.
  __m512 power = _mm512_set1_ps(1.5403530e-4f);
  for (float c : {1.3333558e-3f, 9.6181291e-3f, 5.5504109e-2f, 2.4022651e-1f, 6.9314718e-1f, 1.f}) {
    power = _mm512_fmadd_ps(power, part, _mm512_set1_ps(c));
  }
  return _mm512_scalef_ps(power, whole);
}

// Weights as they are kept for the way back: rounded, and negative where dropout drops them.
struct Weights {
  bf16* values;         // null: they are not
  const uint8_t* keep;  // 0: dropped; null: none is
  int64_t n;            // of the row in memory
};

// Makes weights of the scores of a query, which are scale (scores + terms) for the keys that it
// sees, and writes what dropout keeps, but not scaled, to `used`: n values, zeros after the seen.
// Scores are overwritten; terms may be null.
inline void softmax(int64_t seen, int64_t n, float scale, float* scores, const float* terms,
                    Weights weights, bf16* used) {
  __m512 highest = _mm512_set1_ps(-INFINITY);
  for (int64_t j = 0; j < seen; j += kTile) {
    __m512 score = _mm512_load_ps(scores + j);
    if (terms) score = _mm512_add_ps(score, _mm512_loadu_ps(terms + j));
    score = _mm512_mul_ps(score, _mm512_set1_ps(scale));
    _mm512_store_ps(scores + j, score);
    highest = _mm512_mask_max_ps(highest, first(seen - j), highest, score);
  }
  highest = _mm512_set1_ps(_mm512_reduce_max_ps(highest));
  __m512 sum = _mm512_setzero_ps();
  for (int64_t j = 0; j < seen; j += kTile) {
    const __m512 power = exponential(_mm512_sub_ps(_mm512_load_ps(scores + j), highest));
    _mm512_store_ps(scores + j, power);
    sum = _mm512_mask_add_ps(sum, first(seen - j), sum, power);
  }
  const __m512 share = _mm512_set1_ps(1 / _mm512_reduce_add_ps(sum));
  const __m256i sign = _mm256_set1_epi16(int16_t(0x8000));
  for (int64_t j = 0; j < n; j += kTile) {
    const __mmask16 row = first(weights.n - j);
    const __m256i value =
        to_bf16(_mm512_maskz_mul_ps(first(seen - j), _mm512_load_ps(scores + j), share));
    __mmask16 kept = 0xffff;
    if (weights.keep) {
      const __m128i bytes = _mm_maskz_loadu_epi8(row, weights.keep + j);
      kept = _mm_test_epi8_mask(bytes, bytes);
    }
    if (weights.values) {
      _mm256_mask_storeu_epi16(weights.values + j, row,
                               _mm256_mask_mov_epi16(_mm256_or_si256(value, sign), kept, value));
    }
    store(used + j, _mm256_maskz_mov_epi16(kept, value));
  }
}

// Makes, of the gradient of what a query mixes, that of its scores: n values, in their place and
// rounded to `d_scores`. What dropout kept of the weights is written to `used`, as above.
inline void softmax_backward(int64_t n, float scale, float share_kept, float* gradients,
                             const bf16* weights, int64_t n_weights, bf16* d_scores, bf16* used) {
  const __m512 factor = _mm512_set1_ps(1 / share_kept);
  const __m256i magnitude = _mm256_set1_epi16(0x7fff);
  __m512 sum = _mm512_setzero_ps();
  for (int64_t j = 0; j < n; j += kTile) {
    const __m256i weight = _mm256_maskz_loadu_epi16(first(n_weights - j), weights + j);
    const __mmask16 kept = ~_mm256_movepi16_mask(weight);
    const __m256i kept_weight = _mm256_maskz_mov_epi16(kept, weight);
    store(used + j, kept_weight);
    const __m512 gradient = _mm512_maskz_mul_ps(kept, _mm512_load_ps(gradients + j), factor);
    _mm512_store_ps(gradients + j, gradient);
    sum = _mm512_fmadd_ps(gradient, to_floats(kept_weight), sum);
  }
  const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum));
  for (int64_t j = 0; j < n; j += kTile) {
    const __m256i weight = _mm256_maskz_loadu_epi16(first(n_weights - j), weights + j);
    const __m512 scaled =
        _mm512_mul_ps(to_floats(_mm256_and_si256(weight, magnitude)), _mm512_set1_ps(scale));
    const __m512 gradient =
        _mm512_mul_ps(scaled, _mm512_sub_ps(_mm512_load_ps(gradients + j), mean));
    _mm512_store_ps(gradients + j, gradient);
    store(d_scores + j, to_bf16(gradient));
  }
}

}  // namespace amx
