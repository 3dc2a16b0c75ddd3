#include "common/lower/gpu/split_host_device.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/interp/interpreter.h"
#include "common/ir/visitor.h"
#include "common/lower/lower.h"
#include "common/script/parser.h"
#include "common/support/status_matchers.h"

namespace hone::lower {
namespace {

ir::IRModule Parsed(std::string_view text) {
  auto module = script::ParseModule(text);
  EXPECT_OK(module);
  return *module;
}

ir::IRModule LoweredForGpu(const ir::IRModule& module) {
  MachineTraits machine;
  machine.kind = "cuda";
  machine.sm = 80;
  auto lowered = LowerFor(module, machine, [](std::string_view, ir::PrimFunc) {});
  EXPECT_OK(lowered);
  return *lowered;
}

// Two kernels; the second reads what the first wrote, in memory of the device that the host function allocates.
constexpr char kTwoKernels[] = R"(
@T.prim_func
def main(B: T.Buffer((8, 32), "float32"), A: T.Buffer((8, 32), "float32"), C: T.Buffer((32,), "float32")):
    T.func_attr({"global_symbol": "twice", "tir.noalias": T.bool(True)})
    S = T.alloc_buffer((8, 32))
    for by in T.thread_binding(8, thread="blockIdx.y"):
        for tx in T.thread_binding(32, thread="threadIdx.x"):
            with T.block("S"):
                v0, v1 = T.axis.remap("SS", [by, tx])
                S[v0, v1] = A[v0, v1] * T.float32(2) + C[v1]
    for tx in T.thread_binding(32, thread="threadIdx.x"):
        for i in range(8):
            with T.block("B"):
                v0, v1 = T.axis.remap("SS", [i, tx])
                B[v0, v1] = S[7 - v0, 31 - v1] + A[v0, v1]
)";

// A tile in dynamic shared memory, 64 elements of float16 and 64 of float32.
constexpr char kDynamic[] = R"(
@T.prim_func
def main(A: T.Buffer((4, 64), "float32"), B: T.Buffer((4, 64), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    X = T.alloc_buffer((64,), "float16", scope="shared.dyn")
    Y = T.alloc_buffer((64,), scope="shared.dyn")
    for bx in T.thread_binding(4, thread="blockIdx.x"):
        for tx in T.thread_binding(64, thread="threadIdx.x"):
            with T.block("X"):
                v1 = T.axis.spatial(64, tx)
                vb = T.axis.spatial(4, bx)
                X[v1] = T.Cast("float16", A[vb, v1])
        for tx in T.thread_binding(64, thread="threadIdx.x"):
            with T.block("Y"):
                v1 = T.axis.spatial(64, tx)
                vb = T.axis.spatial(4, bx)
                Y[v1] = A[vb, 63 - v1]
        for tx in T.thread_binding(64, thread="threadIdx.x"):
            with T.block("B"):
                v1 = T.axis.spatial(64, tx)
                vb = T.axis.spatial(4, bx)
                B[vb, v1] = T.Cast("float32", X[63 - v1]) + Y[63 - v1]
)";

const ir::PrimFuncNode* FunctionNamed(const ir::IRModule& module, std::string_view name) {
  return module.FindPrimFunc(name);
}

std::vector<std::string> ParamNames(const ir::PrimFuncNode* func) {
  std::vector<std::string> out;
  for (ir::Var param : func->params) out.emplace_back(param.name());
  return out;
}

std::vector<std::string> LaunchParams(const ir::PrimFuncNode* func) {
  std::vector<std::string> out;
  const ir::Object* value = func->attrs.Get("tir.kernel_launch_params");
  for (const ir::Object* item : ir::As<ir::ArrayNode>(value)->items) {
    out.emplace_back(ir::As<ir::StringNode>(item)->value);
  }
  return out;
}

// The arguments of the host's calls of kernels, as texts of names and numbers.
std::vector<std::vector<std::string>> Launches(const ir::PrimFuncNode* host) {
  std::vector<std::vector<std::string>> out;
  ir::PostOrderVisitExprs(host->body, [&](ir::Expr e) {
    const auto* call = e.as<ir::CallNode>();
    if (call == nullptr || !call->Is(ir::Builtin::tvm_call_packed)) return;
    std::vector<std::string>& args = out.emplace_back();
    for (ir::Expr arg : call->args) {
      const auto* text = arg.as<ir::StringImmNode>();
      const auto* var = arg.as<ir::VarNode>();
      const int64_t* number = ir::ConstInt(arg);
      args.push_back(text != nullptr     ? std::string(text->value)
                     : var != nullptr    ? std::string(var->name)
                     : number != nullptr ? std::to_string(*number)
                                         : "?");
    }
  });
  return out;
}

using Strings = std::vector<std::string>;

TEST(SplitHostDeviceTest, EveryKernelIsAFunctionAndTheHostKeepsItsCall) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule split, SplitHostDevice(LoweredForGpu(Parsed(kTwoKernels))));
  ASSERT_EQ(split->functions.size(), 3u);
  const ir::PrimFuncNode* first = FunctionNamed(split, "twice_kernel");
  const ir::PrimFuncNode* second = FunctionNamed(split, "twice_kernel_1");
  ASSERT_NE(first, nullptr);
  ASSERT_NE(second, nullptr);
  // Pointers by name, whatever the order of the program's parameters.
  EXPECT_EQ(ParamNames(first), (Strings{"A", "C", "S"}));
  EXPECT_EQ(ParamNames(second), (Strings{"A", "B", "S"}));
  EXPECT_EQ(LaunchParams(first), (Strings{"blockIdx.y", "threadIdx.x"}));
  EXPECT_EQ(LaunchParams(second), (Strings{"threadIdx.x"}));
  const auto* host = ir::As<ir::PrimFuncNode>(split.Entry()->function);
  ASSERT_NE(host, nullptr);
  EXPECT_EQ(Launches(host), (std::vector<Strings>{{"twice_kernel", "A", "C", "S", "8", "32"},
                                                  {"twice_kernel_1", "A", "B", "S", "32"}}));
}

TEST(SplitHostDeviceTest, NothingOfAKernelStaysOnTheHost) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule split, SplitHostDevice(LoweredForGpu(Parsed(kTwoKernels))));
  const auto* host = ir::As<ir::PrimFuncNode>(split.Entry()->function);
  ir::PreOrderVisitStmts(host->body, [](ir::Stmt s) {
    const auto* attr = s.as<ir::AttrStmtNode>();
    EXPECT_TRUE(attr == nullptr || attr->attr_key != "thread_extent");
    EXPECT_EQ(s.as<ir::BufferStoreNode>(), nullptr);
    return true;
  });
  for (std::string_view name : {"twice_kernel", "twice_kernel_1"}) {
    const ir::PrimFuncNode* kernel = FunctionNamed(split, name);
    const auto* outermost = kernel->body.as<ir::AttrStmtNode>();
    ASSERT_NE(outermost, nullptr) << name;
    EXPECT_EQ(outermost->attr_key, "thread_extent") << name;
    EXPECT_EQ(kernel->attrs.GetString("global_symbol", ""), name);
    EXPECT_EQ(kernel->attrs.GetInt("calling_conv", 0), 2) << name;
  }
}

TEST(SplitHostDeviceTest, DynamicSharedMemoryIsTheLastLaunchParameterInBytes) {
  const ir::IRModule lowered = LoweredForGpu(Parsed(kDynamic));
  ASSERT_OK_AND_ASSIGN(const ir::IRModule split, SplitHostDevice(lowered));
  const ir::PrimFuncNode* kernel = FunctionNamed(split, "main_kernel");
  ASSERT_NE(kernel, nullptr);
  EXPECT_EQ(LaunchParams(kernel), (Strings{"blockIdx.x", "threadIdx.x", "tir.use_dyn_shared_memory"}));
  EXPECT_EQ(Launches(ir::As<ir::PrimFuncNode>(split.Entry()->function)),
            (std::vector<Strings>{{"main_kernel", "A", "B", "4", "64", std::to_string(64 * 2 + 64 * 4)}}));
}

TEST(SplitHostDeviceTest, TheHostComputesTheSameThroughItsLaunches) {
  for (std::string_view text : {std::string_view(kTwoKernels), std::string_view(kDynamic)}) {
    const ir::IRModule module = Parsed(text);
    ASSERT_OK_AND_ASSIGN(const ir::IRModule split, SplitHostDevice(LoweredForGpu(module)));
    for (uint64_t seed = 1; seed <= 3; ++seed) EXPECT_OK(interp::ExpectSameResults(module, split, seed)) << seed;
  }
}

TEST(SplitHostDeviceTest, AProgramWithoutThreadsHasNoKernel) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule split, SplitHostDevice(Parsed(R"(
@T.prim_func
def main(A: T.Buffer((8,), "float32")):
    for i in range(8):
        A[i] = A[i] + T.float32(1)
)")));
  EXPECT_EQ(split->functions.size(), 1u);
}

TEST(SplitHostDeviceTest, AModuleWithoutAFunctionIsRefused) {
  auto arena = std::make_shared<ir::Arena>();
  const ir::ArenaScope scope(arena);
  EXPECT_STATUS(SplitHostDevice(ir::IRModule(arena, ir::MakeModuleNode({}))), absl::StatusCode::kInvalidArgument,
                "no entry function");
}

}  // namespace
}  // namespace hone::lower
