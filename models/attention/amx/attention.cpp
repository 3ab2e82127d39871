// Attention in bf16, of all sequences of a layer at once.
//
// One head of one sequence is one thread's task. It takes blocks of kBlock queries (or keys), whose
// scores stay in the core's caches from the products that make them to those that they go into.
//
// Distances: their vectors come laid out twice, for queries in the order in which the distance
// falls, for keys in that in which it grows, so that from one key, or query, to the next there is
// always one column more. With u_d the vector d columns from that of distance 0, the terms of row i
// of the block that begins at row `start` are x_(start+i) u_(j-start-i), for all j. Those of the
// block are one product, with the *window* of the layout that begins at u_(-start-kBlock+1), and are
// shifted from row to row: they lie at [i, kBlock - 1 - i + j].

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <new>
#include <thread>
#include <vector>

#include "products.h"
#include "softmax.h"

using namespace amx;

constexpr int64_t kBlock = 64;

// What all sequences of a call have in common.
struct Call {
  int64_t heads;
  int64_t size;     // of a head, a multiple of kStep
  int64_t columns;  // of the laid out distances, a multiple of kStep; 0: causal, without any
  int64_t middle;   // the column of distance 0; kBlock - 1 less than it is even
  int64_t queries;  // in a chunk of causal weights
  float scale;      // of scores
  float kept;       // share of the weights that dropout keeps

  int64_t width() const { return heads * size; }
  bool causal() const { return columns == 0; }
  // The column at which the window of a block begins.
  int64_t window(int64_t start) const { return middle - start - (kBlock - 1); }
};
static_assert(sizeof(Call) == 48);  // as Python's

// A sequence, and where its weights are. Those of `batch` sequences of one length lie together, as
// an array of shape (batch, heads, length, length); causal ones as an array for each chunk of
// queries, of shape (batch, heads, queries, keys up to the last of them).
struct Sequence {
  int64_t row;      // its first
  int64_t length;   // rows, padding included
  int64_t seen;     // rows without padding
  int64_t batch;    // sequences whose weights lie together,
  int64_t place;    // which of them this is,
  int64_t weights;  // and where they begin

  // How many weights a query has.
  int64_t n_weights(const Call& call, int64_t query) const {
    if (!call.causal()) return length;
    return std::min((query / call.queries + 1) * call.queries, length);
  }

  // Where they begin.
  int64_t of_query(const Call& call, int64_t head, int64_t query) const {
    const int64_t row_of_heads = place * call.heads + head;
    if (!call.causal()) return weights + (row_of_heads * length + query) * length;
    const int64_t start = query / call.queries * call.queries, end = n_weights(call, query);
    // Before this chunk's there are arrays of `queries` rows of `queries`, 2 `queries`, .. weights.
    const int64_t before = batch * call.heads * start * (start + call.queries) / 2;
    return weights + before + (row_of_heads * (end - start) + query - start) * end;
  }
};

namespace {

constexpr size_t kLine = 64;  // bytes of a cache line

// Arrays with anything in them, as long-lived as this.
class Arrays {
 public:
  Arrays() = default;
  Arrays(const Arrays&) = delete;
  ~Arrays() {
    for (void* array : arrays_) operator delete(array, std::align_val_t(kLine));
  }

  template <typename T>
  T* take(int64_t n) {
    arrays_.push_back(operator new(n * sizeof(T), std::align_val_t(kLine)));
    return static_cast<T*>(arrays_.back());
  }

 private:
  std::vector<void*> arrays_;
};

// A thread's own, for sequences of up to n rows. Names with _t are of transposes.
struct Scratch : Arrays {
  Scratch(const Call& call, int64_t n, bool backward) {
    const int64_t n_values = n * call.size, n_block = kBlock * (n + kBlock);
    for (bf16** array : {&q, &k, &v, &k_pairs, &v_pairs}) *array = take<bf16>(n_values);
    scores = take<float>((call.causal() ? kBlock : n) * n);
    terms = take<float>(n_block);
    used = take<bf16>(kBlock * n);
    mixed = take<float>(kBlock * call.size);
    if (!backward) return;
    for (bf16** array : {&q_t, &k_t, &d_out, &d_out_t, &turning}) *array = take<bf16>(n_values);
    d_scores = take<bf16>(kBlock * n);
    for (bf16** array : {&shifted, &block_pairs}) *array = take<bf16>(n_block);
    for (float** array : {&d_rows, &d_k_t, &d_v_t}) *array = take<float>(n_values);
  }

  bf16 *q, *k, *v, *k_pairs, *v_pairs, *used;
  float *scores, *terms, *mixed;
  bf16 *q_t, *k_t, *d_out, *d_out_t, *turning, *d_scores, *shifted, *block_pairs;
  float *d_rows, *d_k_t, *d_v_t;
};

// A head's values of the seen rows, without gaps; then zeros.
void load_rows(const Call& call, const Sequence& sequence, const bf16* rows, int64_t ld,
               bf16* out) {
  for (int64_t i = 0; i < rounded(sequence.seen); ++i) {
    bf16* row = out + i * call.size;
    if (i < sequence.seen) {
      std::memcpy(row, rows + i * ld, call.size * sizeof(bf16));
    } else {
      std::memset(row, 0, call.size * sizeof(bf16));
    }
  }
}

// `n` rows of a head, times a factor.
void store_rows(const Call& call, int64_t n, const float* values, float factor, bf16* out,
                int64_t ld) {
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < call.size; j += kTile) {
      const __m512 value = _mm512_load_ps(values + i * call.size + j);
      store(out + i * ld + j, to_bf16(_mm512_mul_ps(value, _mm512_set1_ps(factor))));
    }
  }
}

void clear_padding(const Call& call, const Sequence& sequence, bf16* out, int64_t ld) {
  for (int64_t i = sequence.seen; i < sequence.length; ++i) {
    std::memset(out + i * ld, 0, call.size * sizeof(bf16));
  }
}

struct Forward {
  const Call& call;
  const bf16* qkv;        // (rows, 3, heads, size)
  const bf16* distances;  // two of shape (size, columns), paired
  const uint8_t* keep;    // for each weight; null: all
  bf16* weights;          // null: not to be kept
  bf16* out;              // (rows, heads, size)

  void operator()(const Sequence& sequence, int64_t head, Scratch& x) const {
    const int64_t size = call.size, width = call.width(), n = rounded(sequence.seen);
    const bf16* rows_in = qkv + sequence.row * 3 * width + head * size;
    bf16* rows_out = out + sequence.row * width + head * size;
    load_rows(call, sequence, rows_in, 3 * width, x.q);
    load_rows(call, sequence, rows_in + width, 3 * width, x.k);
    load_rows(call, sequence, rows_in + 2 * width, 3 * width, x.v);
    pair_columns(n, size, x.k, x.k_pairs);
    pair_rows(n, size, x.v, size, x.v_pairs);
    if (!call.causal()) write_terms_of_keys(n, x);
    for (int64_t start = 0; start < n; start += kBlock) {
      const int64_t rows = std::min(kBlock, n - start);
      const int64_t keys = call.causal() ? start + rows : n;
      float* scores = x.scores + (call.causal() ? 0 : start * n);
      multiply(rows, keys, size, x.q + start * size, size, x.k_pairs, n, scores, n, !call.causal());
      if (!call.causal()) write_terms(0, start, rows, n, x.q, x);
      for (int64_t i = 0; i < rows; ++i) {
        const int64_t query = start + i;
        if (query >= sequence.seen) {
          std::memset(x.used + i * n, 0, keys * sizeof(bf16));
          continue;
        }
        const int64_t place = sequence.of_query(call, head, query);
        softmax(call.causal() ? query + 1 : sequence.seen, keys, call.scale, scores + i * n,
                call.causal() ? nullptr : x.terms + i * (n + kBlock) + kBlock - 1 - i,
                {weights ? weights + place : nullptr, keep ? keep + place : nullptr,
                 sequence.n_weights(call, query)},
                x.used + i * n);
      }
      multiply(rows, size, keys, x.used, n, x.v_pairs, size, x.mixed, size, false);
      store_rows(call, std::min(rows, sequence.seen - start), x.mixed, 1 / call.kept,
                 rows_out + start * width, width);
    }
    clear_padding(call, sequence, rows_out, width);
  }

  // The terms of a block of queries (side 0) or keys (side 1), shifted.
  void write_terms(int64_t side, int64_t start, int64_t rows, int64_t n, const bf16* values,
                   Scratch& x) const {
    const bf16* window = distances + side * call.size * call.columns + 2 * call.window(start);
    multiply(rows, n + kBlock, call.size, values + start * call.size, call.size, window,
             call.columns, x.terms, n + kBlock, false);
  }

  // All terms of keys, in place of scores.
  void write_terms_of_keys(int64_t n, Scratch& x) const {
    for (int64_t start = 0; start < n; start += kBlock) {
      const int64_t rows = std::min(kBlock, n - start);
      write_terms(1, start, rows, n, x.k, x);
      transpose(rows, n, x.terms + kBlock - 1, n + kBlock - 1, x.scores + start, n);
    }
  }
};

struct Backward {
  const Call& call;
  const bf16* qkv;
  const bf16* distances;  // two of shape (columns, size), paired
  const bf16* weights;
  const bf16* d_out;
  bf16* d_qkv;
  float* d_distances;  // two of shape (size, columns), this thread's; what it finds is added

  void operator()(const Sequence& sequence, int64_t head, Scratch& x) const {
    const int64_t size = call.size, width = call.width(), n = rounded(sequence.seen);
    const bf16* rows_in = qkv + sequence.row * 3 * width + head * size;
    bf16* rows_out = d_qkv + sequence.row * 3 * width + head * size;
    load_rows(call, sequence, rows_in, 3 * width, x.q);
    load_rows(call, sequence, rows_in + width, 3 * width, x.k);
    load_rows(call, sequence, rows_in + 2 * width, 3 * width, x.v);
    load_rows(call, sequence, d_out + sequence.row * width + head * size, width, x.d_out);
    write_transpose(n, x.q, x.q_t, x);
    write_transpose(n, x.k, x.k_t, x);
    write_transpose(n, x.d_out, x.d_out_t, x);
    pair_columns(n, size, x.v, x.v_pairs);
    pair_rows(n, size, x.k, size, x.k_pairs);
    std::fill_n(x.d_k_t, n * size, 0.f);
    std::fill_n(x.d_v_t, n * size, 0.f);
    // Of row i the columns from kBlock - 1 - i on are written, n of them; the others stay zeros.
    if (!call.causal()) std::fill_n(x.shifted, kBlock * (n + kBlock), 0);

    for (int64_t start = 0; start < n; start += kBlock) {
      const int64_t rows = std::min(kBlock, n - start);
      const int64_t keys = call.causal() ? start + rows : n;
      float* d_scores = x.scores + (call.causal() ? 0 : start * n);
      multiply(rows, keys, size, x.d_out + start * size, size, x.v_pairs, n, d_scores, n, false);
      for (int64_t i = 0; i < rows; ++i) {
        const int64_t query = start + i;
        if (query >= sequence.seen) {  // d_out and d_scores are zeros
          std::memset(x.used + i * n, 0, keys * sizeof(bf16));
          std::memset(x.d_scores + i * n, 0, keys * sizeof(bf16));
          continue;
        }
        softmax_backward(keys, call.scale, call.kept, d_scores + i * n,
                         weights + sequence.of_query(call, head, query),
                         sequence.n_weights(call, query), x.d_scores + i * n, x.used + i * n);
      }
      pair_rows(rows, keys, x.used, n, x.block_pairs);
      multiply(size, keys, rows, x.d_out_t + start, n, x.block_pairs, keys, x.d_v_t, n, true);
      pair_rows(rows, keys, x.d_scores, n, x.block_pairs);
      multiply(size, keys, rows, x.q_t + start, n, x.block_pairs, keys, x.d_k_t, n, true);
      multiply(rows, size, keys, x.d_scores, n, x.k_pairs, size, x.mixed, size, false);
      if (!call.causal()) {
        for (int64_t i = 0; i < rows; ++i) {
          std::memcpy(x.shifted + i * (n + kBlock) + kBlock - 1 - i, x.d_scores + i * n,
                      n * sizeof(bf16));
        }
        add_distances(0, start, rows, n, x.q_t, x.mixed, x);
      }
      store_rows(call, std::min(rows, sequence.seen - start), x.mixed, 1,
                 rows_out + start * 3 * width, 3 * width);
    }

    transpose(size, n, x.d_k_t, n, x.d_rows, size);
    if (!call.causal()) {
      for (int64_t start = 0; start < n; start += kBlock) {
        const int64_t rows = std::min(kBlock, n - start);
        transpose(n, rows, x.scores + start, n, x.shifted + kBlock - 1, n + kBlock - 1);
        add_distances(1, start, rows, n, x.k_t, x.d_rows + start * size, x);
      }
    }
    store_rows(call, sequence.seen, x.d_rows, 1, rows_out + width, 3 * width);
    transpose(size, n, x.d_v_t, n, x.d_rows, size);
    store_rows(call, sequence.seen, x.d_rows, 1 / call.kept, rows_out + 2 * width, 3 * width);
    for (int64_t part = 0; part < 3; ++part) {
      clear_padding(call, sequence, rows_out + part * width, 3 * width);
    }
  }

  void write_transpose(int64_t n, const bf16* values, bf16* out, Scratch& x) const {
    pair_columns(n, call.size, values, x.turning);
    unpair_rows(call.size, n, x.turning, out);
  }

  // Adds what the terms of a block's rows, whose gradients are in `shifted`, give to the gradients
  // of these rows and of the distances.
  void add_distances(int64_t side, int64_t start, int64_t rows, int64_t n, const bf16* values_t,
                     float* d_rows, Scratch& x) const {
    const int64_t size = call.size, ld = n + kBlock, window = call.window(start);
    const int64_t layout = side * size * call.columns;
    multiply(rows, size, ld, x.shifted, ld, distances + layout + window * size, size, d_rows, size,
             true);
    pair_rows(rows, ld, x.shifted, ld, x.block_pairs);
    multiply(size, ld, rows, values_t + start, n, x.block_pairs, ld, d_distances + layout + window,
             call.columns, true);
  }
};

// Gives each thread its share of the heads of all sequences, always the same one, so that sums over
// a thread's come out the same. `task_of` makes of a thread's number what works on a head. False if
// there is not enough memory, or no more threads: nothing is thrown into other languages.
template <typename TaskOf>
bool run(const Call& call, const Sequence* sequences, int64_t n_sequences, int64_t n_threads,
         bool backward, TaskOf task_of) {
  int64_t longest = 0;
  for (int64_t i = 0; i < n_sequences; ++i) longest = std::max(longest, sequences[i].seen);
  std::atomic<bool> failed = false;
  const auto run_thread = [&](int64_t thread) {
    try {
      Scratch scratch(call, rounded(longest), backward);
      configure_tiles();
      const auto task = task_of(thread);
      for (int64_t i = thread; i < n_sequences * call.heads; i += n_threads) {
        task(sequences[i / call.heads], i % call.heads, scratch);
      }
      _tile_release();
    } catch (const std::bad_alloc&) {
      failed = true;
    }
  };
  std::vector<std::thread> others;
  try {
    for (int64_t thread = 1; thread < n_threads; ++thread) others.emplace_back(run_thread, thread);
    run_thread(0);
  } catch (const std::exception&) {  // of making a thread
    failed = true;
  }
  for (auto& other : others) other.join();
  return !failed;
}

}  // namespace

extern "C" {

bool attention_forward(const Call* call, const Sequence* sequences, int64_t n_sequences,
                       int64_t n_threads, const bf16* qkv, const bf16* distances,
                       const uint8_t* keep, bf16* weights, bf16* out) {
  return run(*call, sequences, n_sequences, n_threads, false,
             [&](int64_t) { return Forward{*call, qkv, distances, keep, weights, out}; });
}

bool attention_backward(const Call* call, const Sequence* sequences, int64_t n_sequences,
                        int64_t n_threads, const bf16* qkv, const bf16* distances,
                        const bf16* weights, const bf16* d_out, bf16* d_qkv, float* d_distances) {
  return run(*call, sequences, n_sequences, n_threads, true, [&](int64_t thread) {
    float* own = d_distances + thread * 2 * call->size * call->columns;
    return Backward{*call, qkv, distances, weights, d_out, d_qkv, own};
  });
}
}
