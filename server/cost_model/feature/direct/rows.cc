#include "server/cost_model/feature/direct/rows.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace hone::direct {
namespace {

constexpr int kColumns = 164;
constexpr int kBuffersPerStore = 5;
constexpr int kSamples = 10;
constexpr int kLineBytes = 64;
constexpr int kGroup2 = 57;
constexpr int kGroup3 = kGroup2 + 18 * kBuffersPerStore;
constexpr int kGroup4 = kGroup3 + kSamples;
constexpr int kGroup5 = kGroup4 + 4;

double Slog(double x) {
  if (x == 0) return 0;
  if (x == 1) return 1;
  return std::log2(std::fabs(x) + 1.0);
}

enum class Mode { kRead, kWrite, kReadWrite };
enum class Reuse { kLoopMultipleRead, kSerialMultipleReadWrite, kNone };

// One buffer of a store.
struct Use {
  int buffer;
  Mode mode;
  int64_t element_bytes;
  absl::InlinedVector<const Indices*, 2> tuples;
  absl::InlinedVector<int64_t, 20> numel;  // By loop of the nest.
  Shape shape;                             // Touched by the whole nest.
  int64_t min_stride = 0;
  int64_t innermost_stride = 0;
  int64_t non_strided = 1;
  Reuse reuse = Reuse::kNone;
  double reuse_iterations = 0;
  double reuse_bytes = 0;
  int64_t reuse_count = 0;
  double bytes = 0;
  double unique_bytes = 0;
  double lines = 0;
  double unique_lines = 0;
};
using Uses = absl::InlinedVector<Use, 4>;

// What stores so far touched under one loop.
struct Touched {
  struct Entry {
    int buffer;
    int count;
    int64_t least;
  };
  absl::InlinedVector<Entry, 4> entries;
  double bytes = 0;

  void Add(int buffer, int64_t numel, int64_t element_bytes) {
    bytes += static_cast<double>(numel * element_bytes);
    for (Entry& entry : entries) {
      if (entry.buffer != buffer) continue;
      ++entry.count;
      entry.least = std::min(entry.least, numel);
      return;
    }
    entries.push_back({buffer, 1, numel});
  }
  const Entry* Find(int buffer) const {
    for (const Entry& entry : entries) {
      if (entry.buffer == buffer) return &entry;
    }
    return nullptr;
  }
};

class Writer {
 public:
  Writer(const Program& program, bool is_gpu) : program_(program), is_gpu_(is_gpu), touched_(program.loops.size()) {}

  FeatureMatrix Write() {
    FeatureMatrix out;
    out.columns = kColumns;
    absl::InlinedVector<int, 8> stored;
    for (const Store& store : program_.stores) {
      if (std::find(stored.begin(), stored.end(), store.target.buffer) == stored.end()) {
        stored.push_back(store.target.buffer);
      }
    }
    out.rows = static_cast<int>(stored.size());
    out.values.assign(static_cast<size_t>(out.rows) * kColumns, 0.0f);
    for (const Store& store : program_.stores) {
      const auto at = std::find(stored.begin(), stored.end(), store.target.buffer) - stored.begin();
      WriteRow(store, out.values.data() + at * kColumns);
    }
    return out;
  }

 private:
  const IndexTree& tree(const Index& index) const { return program_.trees[index.tree]; }
  bool Mentions(const Index& index, int loop) const {
    return index.tree >= 0 ? tree(index).Mentions(loop) : index.linear.Find(loop) != nullptr;
  }
  int64_t Coefficient(const Index& index, int loop) const {
    return index.tree >= 0 ? tree(index).ScannedCoefficient(loop) : ScannedCoefficient(index.linear, loop);
  }
  const Loop& loop(const Store& store, int i) const { return program_.loops[store.loops[i]]; }
  int64_t ElementBytes(int buffer) const { return program_.buffers[buffer].buffer->dtype.bytes(); }

  void WriteRow(const Store& store, float* out) {
    std::fill(out, out + kColumns, 0.0f);  // A later store to the same buffer takes the row over.
    const int n = static_cast<int>(store.loops.size());
    product_ = 1;
    for (int i = 0; i < n; ++i) product_ *= loop(store, i).extent;
    WriteOperations(store, out);
    WriteLoopKinds(store, out);
    Uses uses = CollectUses(store);
    memory_.assign(n, 0);
    CountTouched(store, uses);
    int64_t top_bytes = 0;
    if (n > 0) {
      for (const Use& use : uses) top_bytes += use.element_bytes;
    }
    for (Use& use : uses) {
      FillStride(store, use);
      FillReuse(store, use, top_bytes);
      FillLines(store, use);
    }
    WriteUses(uses, out + kGroup2);
    WriteIntensity(store, out + kGroup3);
    WriteAllocation(store, out + kGroup4);
    out[kGroup5] = static_cast<float>(Slog(static_cast<double>(product_)));
    out[kGroup5 + 1] = static_cast<float>(Slog(n));
    int64_t unroll = 0;
    for (int i = 0; i < n; ++i) {
      if (loop(store, i).auto_unroll > 0) unroll = loop(store, i).auto_unroll;
    }
    out[kGroup5 + 2] = static_cast<float>(Slog(static_cast<double>(unroll)));
  }

  void WriteOperations(const Store& store, float* out) const {
    for (int i = 0; i < 16; ++i) {
      if (store.operations[i] != 0)
        out[i] = static_cast<float>(Slog(static_cast<double>(store.operations[i] * product_)));
    }
  }

  void WriteLoopKinds(const Store& store, float* out) const {
    constexpr ir::ForKind kKinds[] = {ir::ForKind::kVectorized, ir::ForKind::kUnrolled, ir::ForKind::kParallel};
    for (int k = 0; k < 3; ++k) {
      float* group = out + 16 + 11 * k;
      int count = 0;
      int64_t product = 1;
      int64_t innermost = 1;
      for (size_t i = 0; i < store.loops.size(); ++i) {
        const Loop& l = loop(store, static_cast<int>(i));
        if (l.node->for_kind != kKinds[k]) continue;
        ++count;
        product *= l.extent;
        innermost = l.extent;
      }
      if (count == 0) {
        group[3] = 1;  // Position "none".
        continue;
      }
      group[0] = static_cast<float>(Slog(count));
      group[1] = static_cast<float>(Slog(static_cast<double>(product)));
      group[2] = static_cast<float>(Slog(static_cast<double>(innermost)));
      group[10] = 1;  // Position "mixed".
    }
    out[49] = is_gpu_ ? 1 : 0;
    for (int i = 50; i < 57; ++i) out[i] = 1;  // Bound to no loop: slog(1).
    if (!is_gpu_) return;
    for (int i = static_cast<int>(store.loops.size()) - 1; i >= 0; --i) {
      const Loop& l = loop(store, i);
      if (l.axis == Axis::kNone || l.axis == Axis::kOther) continue;
      out[50 + static_cast<int>(l.axis)] = static_cast<float>(Slog(static_cast<double>(l.extent)));
    }
  }

  Uses CollectUses(const Store& store) const {
    Uses uses;
    auto add = [&](int buffer, Mode mode, const Indices* tuple) {
      uses.emplace_back();
      uses.back().buffer = buffer;
      uses.back().mode = mode;
      uses.back().element_bytes = ElementBytes(buffer);
      uses.back().tuples.push_back(tuple);
    };
    add(store.target.buffer, Mode::kWrite, &store.target.indices);
    for (const Access& load : store.loads) {
      auto known = std::find_if(uses.begin(), uses.end(), [&](const Use& use) { return use.buffer == load.buffer; });
      if (known == uses.end()) {
        add(load.buffer, Mode::kRead, &load.indices);
      } else if (known->mode == Mode::kRead) {
        known->tuples.push_back(&load.indices);
      } else {
        known->mode = Mode::kReadWrite;
      }
    }
    return uses;
  }

  // Elements touched below each loop, from the innermost outwards.
  void CountTouched(const Store& store, Uses& uses) {
    const int n = static_cast<int>(store.loops.size());
    for (Use& use : uses) {
      const size_t rank = program_.buffers[use.buffer].shape.size();
      use.numel.assign(n, 0);
      use.shape.assign(rank, 1);
      // By tuple and dimension; loops not yet relaxed stand at 0.
      absl::InlinedVector<IndexTree::Interval, 12> ranges;
      for (const Indices* tuple : use.tuples) {
        for (const Index& index : *tuple) {
          if (index.tree < 0) {
            ranges.push_back({index.linear.base(), index.linear.base()});
          } else {
            ranges.push_back(tree(index).Evaluate([](int) -> int64_t { return 0; }));
          }
        }
      }
      for (int i = n - 1; i >= 0; --i) {
        const int id = store.loops[i];
        const auto largest = [&](int loop) -> int64_t {
          const auto from = store.loops.begin() + i;
          return std::find(from, store.loops.end(), loop) != store.loops.end() ? program_.loops[loop].extent - 1 : 0;
        };
        int64_t numel = 1;
        for (size_t d = 0; d < rank; ++d) {
          int64_t lowest = INT64_MAX;
          int64_t highest = INT64_MIN;
          for (size_t t = 0; t < use.tuples.size(); ++t) {
            const Index& index = (*use.tuples[t])[d];
            IndexTree::Interval& range = ranges[t * rank + d];
            if (index.tree >= 0) {
              if (tree(index).Mentions(id)) range = tree(index).Evaluate(largest);
            } else if (const LinearIndex::Term* term = index.linear.Find(id)) {
              range.high += Growth(*term, program_.loops[id].extent);
            }
            lowest = std::min(lowest, range.low);
            highest = std::max(highest, range.high);
          }
          const int64_t extent = highest - lowest + 1;
          if (i == 0) use.shape[d] = extent;
          numel *= extent;
        }
        use.numel[i] = std::max<int64_t>(numel, 0);
        memory_[i] += use.numel[i] * use.element_bytes;
        touched_[id].Add(use.buffer, use.numel[i], use.element_bytes);
      }
    }
  }

  void FillStride(const Store& store, Use& use) const {
    const Shape& shape = program_.buffers[use.buffer].shape;
    const int rank = static_cast<int>(shape.size());
    Shape strides(rank, 1);
    for (int d = rank - 1; d >= 1; --d) strides[d - 1] = strides[d] * shape[d];
    const int n = static_cast<int>(store.loops.size());
    auto stride_of = [&](int loop) {
      int64_t least = INT64_MAX;
      for (const Indices* tuple : use.tuples) {
        for (int d = rank - 1; d >= 0; --d) {
          const int64_t coefficient = Coefficient((*tuple)[d], loop);
          if (coefficient == 0) continue;
          least = std::min(least, std::abs(coefficient) * strides[d]);
          break;
        }
      }
      return least == INT64_MAX ? 0 : least;
    };
    int p = n - 1;
    for (; p >= 0; --p) {
      const int64_t stride = stride_of(store.loops[p]);
      if (stride == 0) continue;
      use.min_stride = stride;
      if (p == n - 1) use.innermost_stride = stride;
      break;
    }
    for (int i = n - 1; i > p; --i) use.non_strided *= loop(store, i).extent;
  }

  bool Mentions(const Use& use, int loop) const {
    for (const Indices* tuple : use.tuples) {
      for (const Index& index : *tuple) {
        if (Mentions(index, loop)) return true;
      }
    }
    return false;
  }

  void FillReuse(const Store& store, Use& use, int64_t top_bytes) const {
    const int n = static_cast<int>(store.loops.size());
    int64_t deeper = 1;  // Product of the extents of loops further in.
    for (int i = n - 1; i >= 0; --i) {
      const int id = store.loops[i];
      const int64_t extent = program_.loops[id].extent;
      if (!Mentions(use, id)) {
        use.reuse = Reuse::kLoopMultipleRead;
        use.reuse_count = extent;
        use.reuse_iterations = static_cast<double>(deeper);
        use.reuse_bytes = i == n - 1 ? static_cast<double>(top_bytes) : touched_[store.loops[i + 1]].bytes;
        return;
      }
      const Touched& touched = touched_[id];
      if (const Touched::Entry* entry = touched.Find(use.buffer); entry != nullptr && entry->count >= 2) {
        use.reuse = Reuse::kSerialMultipleReadWrite;
        use.reuse_count = entry->count - 1;
        use.reuse_iterations = static_cast<double>(entry->least) / static_cast<double>(extent);
        use.reuse_bytes = touched.bytes / static_cast<double>(extent);
        return;
      }
      deeper *= extent;
    }
  }

  // Of the last dimension that is touched as a whole.
  int64_t ContinuousBytes(const Use& use) const {
    const Shape& shape = program_.buffers[use.buffer].shape;
    for (size_t d = shape.size(); d-- > 0;) {
      if (use.shape[d] == shape[d]) return use.shape[d] * use.element_bytes;
    }
    return 1;
  }

  void FillLines(const Store& store, Use& use) const {
    const double element = static_cast<double>(use.element_bytes);
    const double product = static_cast<double>(product_);
    use.bytes = element * product;
    if (store.loops.empty()) {
      use.unique_bytes = use.lines = use.unique_lines = 1;
      return;
    }
    use.unique_bytes = static_cast<double>(use.numel[0]) * element;
    const double line = kLineBytes;
    use.lines = product / static_cast<double>(use.non_strided) *
                std::min(1.0, static_cast<double>(use.min_stride) * element / line);
    use.lines = std::max(1.0, use.lines);
    use.unique_lines = use.unique_bytes / std::min(line, static_cast<double>(ContinuousBytes(use)));
    use.unique_lines = std::max(1.0, use.unique_lines);
  }

  void WriteUses(const Uses& uses, float* out) const {
    absl::InlinedVector<const Use*, 8> order;
    for (const Use& use : uses) order.push_back(&use);
    std::stable_sort(order.begin(), order.end(), [&](const Use* a, const Use* b) {
      if (a->lines != b->lines) return a->lines > b->lines;
      if (a->bytes != b->bytes) return a->bytes > b->bytes;
      return program_.buffers[a->buffer].buffer->name < program_.buffers[b->buffer].buffer->name;
    });
    for (size_t i = 0; i < order.size() && i < kBuffersPerStore; ++i) WriteUse(*order[i], out + 18 * i);
  }

  static void WriteUse(const Use& use, float* out) {
    auto put = [&](int column, double value) { out[column] = static_cast<float>(Slog(value)); };
    out[0] = use.mode == Mode::kRead;
    out[1] = use.mode == Mode::kWrite;
    out[2] = use.mode == Mode::kReadWrite;
    put(3, use.bytes);
    put(4, use.unique_bytes);
    put(5, use.lines);
    put(6, use.unique_lines);
    out[7] = use.reuse == Reuse::kLoopMultipleRead;
    out[8] = use.reuse == Reuse::kSerialMultipleReadWrite;
    out[9] = use.reuse == Reuse::kNone;
    put(10, use.reuse_iterations);
    put(11, use.reuse_bytes);
    put(12, static_cast<double>(use.reuse_count));
    const double count = use.reuse_count > 0 ? static_cast<double>(use.reuse_count) : 0.5;
    put(13, use.bytes / count);
    put(14, use.unique_bytes / count);
    put(15, use.lines / count);
    put(16, use.unique_lines / count);
    put(17, static_cast<double>(use.innermost_stride));
  }

  void WriteIntensity(const Store& store, float* out) const {
    const int n = static_cast<int>(store.loops.size());
    if (n == 0) return;
    int64_t floats = 0;
    for (int i = 0; i < 7; ++i) floats += store.operations[i];
    absl::InlinedVector<double, 20> memory(n), compute(n);
    double running = static_cast<double>(floats);
    for (int k = 0; k < n; ++k) {
      running *= static_cast<double>(loop(store, n - 1 - k).extent);
      compute[k] = running;
      memory[k] = static_cast<double>(memory_[n - 1 - k]);
    }
    const double total = compute[n - 1];
    if (total <= 0) return;
    int p = 0;
    for (int i = 0; i < kSamples; ++i) {
      const double c = total * static_cast<double>(i + 1) / kSamples;
      while (p < n - 1 && compute[p] < c - 1e-4) ++p;
      double value;
      if (p == 0) {
        value = compute[0] / memory[0];
      } else {
        const double x0 = compute[p - 1], x1 = compute[p];
        const double y0 = x0 / memory[p - 1], y1 = x1 / memory[p];
        value = x1 == x0 ? y1 : y0 + (c - x0) / (x1 - x0) * (y1 - y0);
      }
      out[i] = static_cast<float>(Slog(value));
    }
  }

  void WriteAllocation(const Store& store, float* out) const {
    const BufferFacts& facts = program_.buffers[store.target.buffer];
    double size = 0, elements = 0, outer = 1;
    if (facts.placed || facts.parameter) {
      double numel = 1;
      for (int64_t extent : facts.shape) numel *= static_cast<double>(extent);
      size = numel * static_cast<double>(ElementBytes(store.target.buffer));
      outer = facts.placed ? facts.outer_product : 1;
      elements = numel * outer;
    }
    out[0] = static_cast<float>(Slog(size));
    out[1] = static_cast<float>(Slog(elements));
    out[2] = static_cast<float>(Slog(outer));
    out[3] = static_cast<float>(Slog(static_cast<double>(product_) / outer));
  }

  const Program& program_;
  const bool is_gpu_;
  std::vector<Touched> touched_;             // By loop.
  int64_t product_ = 1;                      // Of the extents of the store's loops.
  absl::InlinedVector<int64_t, 20> memory_;  // Bytes touched below each of them.
};

}  // namespace

FeatureMatrix FeatureRows(const Program& program, bool is_gpu) { return Writer(program, is_gpu).Write(); }

}  // namespace hone::direct
