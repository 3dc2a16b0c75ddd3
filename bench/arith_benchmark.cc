// Simplification of what schedules make. Every case makes a fresh analyzer and binds the loops, as a primitive does;
// the figure is the time of one index expression with that set-up.
#include <benchmark/benchmark.h>

#include "common/arith/analyzer.h"
#include "common/ir/ops.h"

namespace hone::arith {
namespace {

using ir::Expr;
using ir::Int32;
using ir::Var;

struct Loop {
  Var var;
  int64_t extent;
};

// A nest of loops with the given extents.
template <size_t N>
std::array<Loop, N> Nest(const int64_t (&extents)[N]) {
  std::array<Loop, N> out;
  for (size_t i = 0; i < N; ++i) out[i] = {ir::MakeVar("i", ir::kInt32), extents[i]};
  return out;
}

template <typename Loops>
void BindAll(Analyzer& analyzer, const Loops& loops) {
  for (const Loop& loop : loops) analyzer.Bind(loop.var, ir::Range{Int32(0), Int32(loop.extent)});
}

// Runs `f` in an arena that is emptied now and then, outside of what it builds on.
template <typename F>
void Run(benchmark::State& state, F&& f) {
  ir::Arena arena;
  int64_t count = 0;
  for (auto _ : state) {
    if (++count % 4096 == 0) arena.Reset();
    ir::ArenaScope scope(arena);
    f();
  }
}

void ConstructAnalyzer(benchmark::State& state) {
  for (auto _ : state) {
    Analyzer analyzer;
    benchmark::DoNotOptimize(&analyzer);
  }
}
BENCHMARK(ConstructAnalyzer);

void BindFourteenLoops(benchmark::State& state) {
  ir::Arena own;
  ir::ArenaScope scope(own);
  const auto loops = Nest({1, 4, 16, 1, 2, 1, 128, 1, 16, 1, 1, 1, 1, 8});
  Run(state, [&] {
    Analyzer analyzer;
    BindAll(analyzer, loops);
    benchmark::DoNotOptimize(&analyzer);
  });
}
BENCHMARK(BindFourteenLoops);

// ((i0 * 4 + i1) * 16 + i2) * 8 + i3: the binding of a loop split in four.
void SplitIndex(benchmark::State& state) {
  ir::Arena own;
  ir::ArenaScope scope(own);
  const auto loops = Nest({2, 4, 16, 8});
  const Expr index = ((loops[0].var * 4 + loops[1].var) * 16 + loops[2].var) * 8 + loops[3].var;
  Run(state, [&] {
    Analyzer analyzer;
    BindAll(analyzer, loops);
    benchmark::DoNotOptimize(analyzer.Simplify(index));
  });
}
BENCHMARK(SplitIndex);

// fused // 64 % 4 * 8 + fused % 8: parts of a fused loop.
void FusedIndex(benchmark::State& state) {
  ir::Arena own;
  ir::ArenaScope scope(own);
  const auto loops = Nest({1024});
  const Expr fused = loops[0].var;
  const Expr index = ir::FloorMod(ir::FloorDiv(fused, 64), 4) * 8 + ir::FloorMod(fused, 8);
  Run(state, [&] {
    Analyzer analyzer;
    BindAll(analyzer, loops);
    benchmark::DoNotOptimize(analyzer.Simplify(index));
  });
}
BENCHMARK(FusedIndex);

// i0 * 4 + i1 < 15, the guard of an uneven split, proved or not.
void ProveSplitGuard(benchmark::State& state) {
  ir::Arena own;
  ir::ArenaScope scope(own);
  const auto loops = Nest({4, 4});
  const Expr guard = ir::LT(loops[0].var * 4 + loops[1].var, Int32(state.range(0)));
  Run(state, [&] {
    Analyzer analyzer;
    BindAll(analyzer, loops);
    benchmark::DoNotOptimize(analyzer.CanProve(guard, ProofStrength::kSymbolicBound));
  });
}
BENCHMARK(ProveSplitGuard)->Arg(16)->Arg(15);

// 1 <= h + r and h + r < 57 with select: the padding of a convolution.
void PaddingPredicate(benchmark::State& state) {
  ir::Arena own;
  ir::ArenaScope scope(own);
  const auto loops = Nest({7, 8, 3});
  const Expr h = loops[0].var * 8 + loops[1].var + loops[2].var;
  const Expr inside = ir::And(ir::GE(h, Int32(1)), ir::LT(h, Int32(57)));
  Run(state, [&] {
    Analyzer analyzer;
    BindAll(analyzer, loops);
    benchmark::DoNotOptimize(analyzer.Simplify(inside));
  });
}
BENCHMARK(PaddingPredicate);

// The region of h * 2 + r over the inner loops, as a range.
void RegionOfStencil(benchmark::State& state) {
  ir::Arena own;
  ir::ArenaScope scope(own);
  const auto loops = Nest({7, 8, 3});
  const Expr index = (loops[0].var * 8 + loops[1].var) * 2 + loops[2].var;
  Run(state, [&] {
    Analyzer analyzer;
    analyzer.Bind(loops[0].var, ir::Range{Int32(0), Int32(7)});
    DomMap domains;
    domains.Set(loops[1].var, ir::Range{Int32(0), Int32(8)});
    domains.Set(loops[2].var, ir::Range{Int32(0), Int32(3)});
    benchmark::DoNotOptimize(EvalSet(index, domains, analyzer).CoverRange({}, analyzer).extent);
  });
}
BENCHMARK(RegionOfStencil);

}  // namespace
}  // namespace hone::arith

BENCHMARK_MAIN();
