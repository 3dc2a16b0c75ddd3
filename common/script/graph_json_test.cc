#include "common/script/graph_json.h"

#include <string>

#include "common/ir/structural_equal.h"
#include "common/script/parser.h"
#include "common/script/printer.h"
#include "common/script/workload_codec.h"
#include "common/support/status_matchers.h"
#include "gtest/gtest.h"

namespace hone::script {
namespace {

// One of many kinds of nodes.
constexpr char kProgram[] = R"(
@T.prim_func
def main(A: T.Buffer((16, 16), "float32"), n: T.int32, p: T.handle("int8", "shared")):
    T.func_attr({"tir.noalias": True, "list": [1, "two", {"three": 3.5}], "map": T.index_map(lambda i, j: (j, i // 2)),
                 "target": T.target({"kind": "llvm", "keys": ["cpu"], "tag": "", "num-cores": 4})})
    B = T.alloc_buffer((16,), "bool", scope="local")
    for i in T.thread_binding(16, thread="threadIdx.x", annotations={"a": 1}):
        for j in T.vectorized(2, 10):
            with T.block("b"):
                vi, vj = T.axis.remap("SS", [i, j])
                T.where(vi < n)
                C = T.match_buffer(A[vi, 0:16], (16,), strides=("s",), offset_factor=1)
                with T.init():
                    A[vi, vj] = T.float32("-inf")
                A[vi, vj] = T.if_then_else(B[vi] and not n == 3, T.max(A[vi, vj], C[vj]), T.exp(T.Cast("float32", n % 2)))
    if n < 4:
        x: T.int32 = n * 2
        A[0, 0:4] = T.Broadcast(T.float32(0.1), 4)
        T.call_extern("int32", "f\tn", x, A.data)
    q = T.allocate_const([1, 2, 3], "int32", [3])
    D = T.decl_buffer((3,), "int32", data=q)
    while n < 7:
        T.evaluate(D[0])
)";

TEST(GraphJsonTest, EveryKindOfNodeComesBack) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, ParseModule(kProgram));
  const std::string graph = SaveGraphJson(module);
  ASSERT_OK_AND_ASSIGN(const ir::IRModule again, LoadGraphJson(graph));
  EXPECT_EQ(PrintModule(again), PrintModule(module));
  EXPECT_EQ(SaveGraphJson(again), graph);
}

TEST(GraphJsonTest, PayloadCarriesItsLength) {
  const std::string payload = EncodePayload("{}");
  EXPECT_EQ(payload, "AgAAAAAAAAB7fQ==");
  ASSERT_OK_AND_ASSIGN(const std::string json, DecodePayload(payload));
  EXPECT_EQ(json, "{}");
  EXPECT_FALSE(DecodePayload("AwAAAAAAAAB7fQ==").ok());
  EXPECT_FALSE(DecodePayload("!").ok());
}

TEST(GraphJsonTest, IndexMapsAreRenamedBothWays) {
  ir::Arena arena;
  const ir::ArenaScope scope(arena);
  const ir::Var i = ir::MakeVar("i", ir::kInt32);
  const ir::Var v = ir::MakeVar("rv", ir::kInt32);
  const ir::IndexMapNode* map = ir::MakeIndexMap(ir::MakeArray({i}), ir::MakeArray<ir::Expr>({i, v}));
  auto to_file = [](std::string_view name) { return name == "rv" ? std::string("v4") : std::string(); };
  const std::string json = SaveIndexMapJson(map, to_file);
  EXPECT_NE(json.find("\"v4\""), std::string::npos);
  EXPECT_EQ(json.find("\"rv\""), std::string::npos);
  auto from_file = [](std::string_view name) { return name == "v4" ? std::string("rv") : std::string(); };
  ASSERT_OK_AND_ASSIGN(const ir::IndexMapNode* again, LoadIndexMapJson(json, from_file));
  EXPECT_EQ(SaveIndexMapJson(again), SaveIndexMapJson(map));
}

TEST(GraphJsonTest, RefusesWhatIsNoProgram) {
  const char* kCases[] = {
      "",
      "[]",
      "{\"root\": 1}",
      "{\"root\": 5, \"nodes\": [{\"type_key\": \"\"}]}",
      "{\"root\": 0, \"nodes\": [{\"type_key\": \"\"}]}",
      // A node within itself, a missing field, a wrong kind, mismatched types.
      "{\"root\": 1, \"nodes\": [{\"type_key\": \"\"}, {\"type_key\": \"IRModule\", \"attrs\": {\"functions\": "
      "\"1\"}}]}",
      "{\"root\": 1, \"nodes\": [{\"type_key\": \"\"}, {\"type_key\": \"tir.PrimFunc\", \"attrs\": {}}]}",
      "{\"root\": 1, \"nodes\": [{\"type_key\": \"\"}, {\"type_key\": \"tir.IndexMap\", \"attrs\": "
      "{\"initial_indices\": \"2\", \"final_indices\": \"3\", \"inverse_index_map\": \"1\"}}, {\"type_key\": "
      "\"Array\"}, "
      "{\"type_key\": \"Array\"}]}",
  };
  for (const char* text : kCases) {
    EXPECT_FALSE(LoadGraphJson(text).ok()) << text;
    ir::Arena arena;
    const ir::ArenaScope scope(arena);
    EXPECT_FALSE(LoadIndexMapJson(text).ok()) << text;
  }
}

TEST(GraphJsonTest, OneNodeCannotBeOfTwoKinds) {
  // The variable is its own type.
  const char* text =
      "{\"root\": 1, \"nodes\": [{\"type_key\": \"\"}, {\"type_key\": \"tir.IndexMap\", \"attrs\": "
      "{\"initial_indices\": "
      "\"2\", \"final_indices\": \"2\", \"inverse_index_map\": \"0\"}}, {\"type_key\": \"Array\", \"data\": [3, 4]}, "
      "{\"type_key\": \"tir.Var\", \"attrs\": {\"dtype\": \"int32\", \"name\": \"0\", \"type_annotation\": \"0\"}}, "
      "{\"type_key\": \"tir.Var\", \"attrs\": {\"dtype\": \"int32\", \"name\": \"0\", \"type_annotation\": \"3\"}}]}";
  ir::Arena arena;
  const ir::ArenaScope scope(arena);
  const auto map = LoadIndexMapJson(text);
  ASSERT_FALSE(map.ok());
  EXPECT_NE(std::string(map.status().message()).find("another kind"), std::string::npos) << map.status().ToString();
}

TEST(GraphJsonTest, SharedNodesCannotStandForHugeTrees) {
  std::string json =
      "{\"root\": 1, \"nodes\": [{\"type_key\": \"\"}, {\"type_key\": \"tir.IndexMap\", \"attrs\": "
      "{\"initial_indices\": "
      "\"2\", \"final_indices\": \"3\", \"inverse_index_map\": \"0\"}}, {\"type_key\": \"Array\"}, {\"type_key\": "
      "\"Array\", \"data\": [4]}";
  for (int i = 0; i < 60; ++i) {
    const std::string next = std::to_string(5 + i);
    json += ", {\"type_key\": \"tir.Add\", \"attrs\": {\"dtype\": \"int32\", \"a\": \"" + next + "\", \"b\": \"" +
            next + "\"}}";
  }
  json += ", {\"type_key\": \"IntImm\", \"attrs\": {\"dtype\": \"int32\", \"value\": \"1\"}}]}";
  ir::Arena arena;
  const ir::ArenaScope scope(arena);
  const auto map = LoadIndexMapJson(json);
  ASSERT_FALSE(map.ok());
  EXPECT_NE(std::string(map.status().message()).find("too large"), std::string::npos) << map.status().ToString();
}

TEST(WorkloadCodecTest, KeysGroupWorkloads) {
  ASSERT_OK_AND_ASSIGN(const Workload a, WorkloadOfText("@T.prim_func\ndef main(A: T.Buffer((4,), \"float32\")):\n    "
                                                        "for i in range(4):\n        A[i] = A[i] * T.float32(2)\n"));
  ASSERT_OK_AND_ASSIGN(const Workload b, WorkloadOfText("@T.prim_func\ndef main(X: T.Buffer((4,), \"float32\")):\n    "
                                                        "for j in range(4):\n        X[j] = X[j] * T.float32(2)\n"));
  EXPECT_NE(a.script, b.script);
  EXPECT_EQ(a.keys, b.keys);
  EXPECT_EQ(a.flops, 4);
  const ModuleCodec codec = GraphCodec();
  ASSERT_OK_AND_ASSIGN(const std::string graph, codec.graph_json_of_script(a.script));
  ASSERT_OK_AND_ASSIGN(const Workload again, codec.workload_of_graph_json(graph));
  EXPECT_EQ(again.script, a.script);
  EXPECT_EQ(again.keys, a.keys);
}

}  // namespace
}  // namespace hone::script
