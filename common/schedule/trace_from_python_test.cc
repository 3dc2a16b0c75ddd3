#include "common/schedule/trace_from_python.h"

#include <string>

#include "common/schedule/schedule.h"
#include "common/schedule/trace_json.h"
#include "common/script/parser.h"
#include "common/support/status_matchers.h"
#include "common/support/strings.h"
#include "gtest/gtest.h"

namespace hone::schedule {
namespace {

// One statement of every method, as the peer prints them.
constexpr std::string_view kEveryMethod =
    R"(b0 = sch.get_block(name="C", func_name="main")
b1 = sch.get_block(name="root", func_name="main")
l2, l3, l4 = sch.get_loops(block=b0)
b5, = sch.get_child_blocks(b1)
b6, b7 = sch.get_producers(block=b0)
sch.get_consumers(block=b0)
b8, = sch.get_output_blocks(block=b1)
v9 = sch.sample_categorical(candidates=[0, 16, 64], probs=[0.25, 0.25, 0.5], decision=1)
v10, v11 = sch.sample_perfect_tile(loop=l2, n=2, max_innermost_factor=16, decision=[8, 4])
v12, v13 = sch.sample_partitioned_tile(loop=l3, n=2, partition_pos=1, innerpart_factor=4, decision=[2, 16])
l14 = sch.sample_compute_location(block=b6, decision=-2)
l15, l16 = sch.split(loop=l2, factors=[v10, v11], preserve_unit_iters=True, disable_predication=False)
l17, l18 = sch.split(loop=l3, factors=[None, 4], preserve_unit_iters=False, disable_predication=True)
l19, l20, l21 = sch.loop_partition(loop=l18, factors=[1, 2], preserve_unit_iters=True)
l22 = sch.fuse(l15, l16, preserve_unit_iters=True)
l23 = sch.merge(l15, l16)
sch.reorder(l22, l17)
sch.reorder_block_iter_var(block=b0, new_order=[2, 0, 1])
l24 = sch.add_unit_loop(block_or_loop=b0)
sch.parallel(loop=l22)
sch.vectorize(loop=l18)
sch.unroll(loop=l17)
sch.bind(loop=l24, thread_axis="threadIdx.x")
b25 = sch.cache_read(block=b0, read_buffer_index=0, storage_scope="shared")
b26 = sch.cache_read(block=b0, read_buffer_index=1, storage_scope="shared", consumer_blocks=[b0, b6])
b27 = sch.cache_write(block=b0, write_buffer_index=0, storage_scope="local")
b28 = sch.reindex_cache_read(block=b0, read_buffer_index=0, storage_scope="shared", index_map=lambda i, j: (j, i * 2 + 1,))
b29 = sch.reindex_cache_write(block=b0, write_buffer_index=0, storage_scope="shared", index_map=lambda i: (i // 4, i % 4,))
b30, b31 = sch.cache_inplace(block=b0, read_buffer_index=0, storage_scope="local")
b32, = sch.cache_index(block=b0, storage_scope="global", cse_thresh=2)
b33 = sch.reindex(block=b0, buffer=("read", 0))
b34 = sch.read_at(loop=l22, block=b0, read_buffer_index=0, storage_scope="shared")
b35 = sch.write_at(loop=l22, block=b0, write_buffer_index=0, storage_scope="shared")
sch.compute_at(block=b6, loop=l14, preserve_unit_loops=True, index=-1)
sch.reverse_compute_at(block=b8, loop=l22, preserve_unit_loops=False, index=-2)
sch.compute_inline(block=b6)
sch.reverse_compute_inline(block=b8)
b36 = sch.decompose_reduction(block=b0, loop=l22)
b37 = sch.rfactor(loop=l22, factor_axis=-1)
sch.storage_align(block=b25, buffer_index=0, axis=-2, factor=32, offset=8)
sch.set_scope(block=b25, buffer_index=0, storage_scope="shared.dyn")
sch.unsafe_set_dtype(block=b25, buffer_index=0, dtype="float16")
b38 = sch.blockize(target=l22, preserve_unit_iters=True)
b39 = sch.blockize(target=[b25, b26], preserve_unit_iters=False)
sch.tensorize(block_or_loop=l22, tensor_intrin="dot_4x4", preserve_unit_iters=True)
sch.annotate(block_or_loop=b0, ann_key="meta_schedule.unroll_explicit", ann_val=v9)
sch.annotate(block_or_loop=l22, ann_key="k", ann_val=[1, 2.5, "three"])
sch.annotate(block_or_loop=l22, ann_key="d", ann_val={"a": 1, "b": word})
sch.unannotate(block_or_loop=b0, ann_key="meta_schedule.unroll_explicit")
sch.transform_layout(block=b0, buffer=("write", 0), index_map=lambda i, j: (j, i,), pad_value=None, assume_injective_transform=False)
sch.transform_layout(block=b0, buffer=("read", 1), index_map=tvm.tir.IndexMap.from_func(lambda i: (i // 2, i % 2,), inverse_index_map=lambda a, b: (a * 2 + b,)), pad_value=lambda i, j: (0,), assume_injective_transform=True)
sch.transform_block_layout(block=b0, index_map=lambda i, j: (i * 8 + j,))
sch.set_axis_separator(block=b0, buffer=("read", 0), axis_separators=[1])
b40 = sch.decompose_padding(block=b6, loop=l22)
sch.pad_einsum(block=b0, padding=[16, 16, 1])
sch.rolling_buffer(block=b6, write_buffer_index=0)
sch.annotate_buffer_access(block=b0, buffer_index=0, buf_type="read", gen_new_ranges=lambda vi, vj: [(vi, vi + 1), (vj, vj + 2)])
sch.unsafe_hide_buffer_access(block=b0, buf_type="write", buf_index_array=[0, 1])
sch.enter_postproc()
)";

std::string Printed(const Trace& trace) {
  std::string out;
  for (const std::string& line : trace.AsPython()) StrAppend(&out, line, "\n");
  return out;
}

TEST(TraceFromPythonTest, EveryMethodIsReadAndPrintedAgain) {
  ASSERT_OK_AND_ASSIGN(const Trace trace, TraceFromPython(kEveryMethod));
  EXPECT_EQ(Printed(trace), kEveryMethod);
  for (const InstructionRow* row : AllInstructions()) {
    EXPECT_NE(kEveryMethod.find(StrCat("sch.", row->method, "(")), std::string_view::npos) << row->method;
  }
}

TEST(TraceFromPythonTest, TheJsonFormOfWhatIsReadIsTheSameTrace) {
  ASSERT_OK_AND_ASSIGN(const Trace trace, TraceFromPython(kEveryMethod));
  ASSERT_OK_AND_ASSIGN(const std::string json, TraceToJson(trace));
  ASSERT_OK_AND_ASSIGN(const Trace again, TraceFromJson(json));
  EXPECT_EQ(Printed(again), kEveryMethod);
  ASSERT_OK_AND_ASSIGN(const std::string json_again, TraceToJson(again));
  EXPECT_EQ(json_again, json);
}

TEST(TraceFromPythonTest, TheWholeFunctionIsRead) {
  ASSERT_OK_AND_ASSIGN(const Trace trace, TraceFromPython(kEveryMethod));
  const std::string function = trace.ToString();
  ASSERT_NE(function.find("def apply_trace"), std::string::npos);
  ASSERT_OK_AND_ASSIGN(const Trace again, TraceFromPython(function));
  EXPECT_EQ(again.ToString(), function);
  ASSERT_OK_AND_ASSIGN(const Trace empty, TraceFromPython(Trace().ToString()));
  EXPECT_TRUE(empty.empty());
}

TEST(TraceFromPythonTest, ArgumentsMayBeByPositionAndDefaultsLeftOut) {
  ASSERT_OK_AND_ASSIGN(const Trace trace, TraceFromPython(R"(
x = sch.get_block("C")
i, j = sch.get_loops(x)
i0, i1 = sch.split(i, [None, 4])
sch.compute_at(x, i0)
c = sch.cache_read(x, 0, "shared")
)"));
  EXPECT_EQ(Printed(trace), R"(b0 = sch.get_block(name="C", func_name="main")
l1, l2 = sch.get_loops(block=b0)
l3, l4 = sch.split(loop=l1, factors=[None, 4], preserve_unit_iters=True, disable_predication=False)
sch.compute_at(block=b0, loop=l3, preserve_unit_loops=False, index=-1)
b5 = sch.cache_read(block=b0, read_buffer_index=0, storage_scope="shared")
)");
}

TEST(TraceFromPythonTest, AnEmptyListOfFactorsIsWritten) {
  constexpr std::string_view kText =
      "b0 = sch.get_block(name=\"C\", func_name=\"main\")\n"
      "l1, = sch.get_loops(block=b0)\n"
      "l2, = sch.loop_partition(loop=l1, factors=[], preserve_unit_iters=True)\n";
  ASSERT_OK_AND_ASSIGN(const Trace trace, TraceFromPython(kText));
  EXPECT_EQ(Printed(trace), kText);
}

TEST(TraceFromPythonTest, TheMostNegativeNumberIsRead) {
  constexpr std::string_view kText =
      "v0 = sch.sample_categorical(candidates=[5, -9223372036854775808], probs=[0.5, 0.5], decision=1)\n";
  ASSERT_OK_AND_ASSIGN(const Trace trace, TraceFromPython(kText));
  EXPECT_EQ(Printed(trace), kText);
}

TEST(TraceFromPythonTest, AFileIsReadInWhicheverFormItHas) {
  ASSERT_OK_AND_ASSIGN(const Trace json, TraceFromText("\n [[[\"EnterPostproc\",[],[],[]]],[]]"));
  EXPECT_EQ(json.size(), 1);
  ASSERT_OK_AND_ASSIGN(const Trace python, TraceFromText("sch.enter_postproc()"));
  EXPECT_EQ(python.size(), 1);
}

struct Refused {
  std::string_view text;
  std::string_view message;
};

TEST(TraceFromPythonTest, MistakesAreNamedWithTheirPlace) {
  const Refused cases[] = {
      {"sch.fly()\n", "sch has no method \"fly\""},
      {"b0 = other.get_block(\"C\")\n", "expected a call of a method of sch"},
      {"x = 1\n", "expected a call of a method of sch"},
      {"sch.parallel(loop=l1)\n", "unknown random variable \"l1\""},
      {"b0 = sch.get_block(\"C\")\nsch.parallel(loop=b0)\n", "loop"},
      {"b0 = sch.get_block()\n", "argument \"name\" is missing"},
      {"b0 = sch.get_block(\"C\", height=3)\n", "get_block has no argument \"height\""},
      {"b0 = sch.get_block(\"C\", \"main\", 3)\n", "takes no more arguments"},
      {"b0, b1 = sch.get_block(\"C\")\n", "get_block gives 1 results, not 2"},
      {"b0 = sch.get_block(\"C\")\nx = sch.compute_inline(b0)\n", "compute_inline gives 0 results, not 1"},
      {"b0 = sch.get_block(\"C\")\nsch.reindex(block=b0, buffer=0)\n", "buffer=(\"read\" or \"write\", index)"},
      {"b0 = sch.get_block(\"C\")\nsch.transform_block_layout(b0, lambda i: (i // 0,))\n", "division by zero"},
      {"b0 = sch.get_block(\"C\")\nsch.transform_block_layout(b0, lambda i, i: (i,))\n", "occurs twice"},
      {"b0 = sch.get_block(\"C\")\nsch.transform_block_layout(b0, lambda i: (k,))\n", "unknown variable \"k\""},
      {"b0 = sch.get_block(\"C\")\nsch.pad_einsum(b0, [99999999999999999999])\n", "more than 64 bits"},
      {"for i in range(3):\n  sch.enter_postproc()\n", "expected a call of a method of sch"},
  };
  for (const Refused& c : cases) {
    const absl::StatusOr<Trace> trace = TraceFromPython(c.text);
    ASSERT_FALSE(trace.ok()) << c.text;
    EXPECT_EQ(trace.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(ToStd(trace.status().message()).find(c.message), std::string_view::npos) << trace.status().message();
    EXPECT_EQ(ToStd(trace.status().message()).substr(0, 6), "trace:") << trace.status().message();
  }
}

Schedule LiveSchedule() {
  auto module = script::ParseModule(
      "@T.prim_func\ndef other(A: T.Buffer((16,), \"float32\"), B: T.Buffer((16,), \"float32\")):\n"
      "    for i in range(16):\n        with T.block(\"B\"):\n            vi = T.axis.spatial(16, i)\n"
      "            B[vi] = A[vi] + T.float32(1)\n");
  EXPECT_OK(module);
  auto schedule = Schedule::Create(*module);
  EXPECT_OK(schedule);
  return *std::move(schedule);
}

TEST(CallFromPythonTest, CallsNameVariablesByKindAndId) {
  Schedule sch = LiveSchedule();
  // Without a name, the function that is worked on, whatever it is called.
  auto block = CallFromPython(sch, "sch.get_block('B')");
  ASSERT_OK(block);
  auto loops = CallFromPython(sch, StrCat("sch.get_loops(b", (*block)[0].id, ")"));
  ASSERT_OK(loops);
  auto factors = CallFromPython(sch, StrCat("sch.sample_perfect_tile(l", (*loops)[0].id, ", n=2, decision=[4, 4])"));
  ASSERT_OK(factors);
  const std::string loop = StrCat("l", (*loops)[0].id);
  auto split = CallFromPython(sch, StrCat("sch.split(", loop, ", factors=[None, v", (*factors)[1].id, " * 2])"));
  ASSERT_OK(split);
  ASSERT_EQ(split->size(), 2u);
  auto inner = sch.Get(LoopRv{(*split)[1]});
  ASSERT_OK(inner);
  EXPECT_EQ((*inner)->extent.as<ir::IntImmNode>()->value, 8);
}

TEST(CallFromPythonTest, RefusalsLeaveTheScheduleAlone) {
  Schedule sch = LiveSchedule();
  for (const char* call :
       {"sch.parallel(l0)", "sch.parallel(b0)", "sch.parallel(x)", "sch.split(l999999999, [None, 2])",
        "sch.parallel(l)", "sch.compute_inline(b0); sch.compute_inline(b0)", "1 + 1", "", "sch.unroll("}) {
    EXPECT_FALSE(CallFromPython(sch, call).ok()) << call;
    EXPECT_TRUE(sch.trace().empty()) << call;
  }
  ASSERT_OK(CallFromPython(sch, "sch.get_block(name='B')"));
  EXPECT_STATUS(CallFromPython(sch, "sch.compute_inline(block=b0)"), absl::StatusCode::kFailedPrecondition,
                "compute-inline");
}

TEST(CallFromPythonTest, ParametersHaveTheirDefaults) {
  auto text = [](std::string_view name) {
    std::string out;
    for (const PythonParameter& p : PythonParametersOf(*FindInstruction(name))) {
      StrAppend(&out, out.empty() ? "" : ", ", p.variadic ? "*" : "", p.name, p.fallback.empty() ? "" : "=",
                p.fallback);
    }
    return out;
  };
  EXPECT_EQ(text("Split"), "loop, factors, preserve_unit_iters=True, disable_predication=False");
  EXPECT_EQ(text("Fuse"), "*loops, preserve_unit_iters=True");
  EXPECT_EQ(text("GetBlock"), "name, func_name=None");
  EXPECT_EQ(text("ComputeAt"), "block, loop, preserve_unit_loops=False, index=-1");
  EXPECT_EQ(text("SamplePerfectTile"), "loop, n, max_innermost_factor=16, decision=None");
  EXPECT_EQ(text("CacheRead"), "block, read_buffer_index, storage_scope, consumer_blocks=[]");
}

}  // namespace
}  // namespace hone::schedule
