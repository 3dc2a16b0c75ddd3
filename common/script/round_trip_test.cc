// Texts that come back byte for byte.
#include <string>
#include <utility>

#include "common/ir/structural_equal.h"
#include "common/script/parser.h"
#include "common/script/printer.h"
#include "common/support/status_matchers.h"
#include "gtest/gtest.h"

namespace hone::script {
namespace {

// A module with one function `main` of these parameters and lines (four blanks a level).
std::string Main(const std::string& params, const std::string& body) {
  std::string out =
      "# from tvm.script import ir as I\n# from tvm.script import tir as T\n\n@I.ir_module\nclass Module:\n"
      "    @T.prim_func\n    def main(" +
      params + "):\n";
  std::string line;
  for (const char c : body + "\n") {
    if (c != '\n') {
      line += c;
      continue;
    }
    if (!line.empty()) out += "        " + line + "\n";
    line.clear();
  }
  out.pop_back();
  return out;
}

void ExpectSame(const std::string& text) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, ParseModule(text));
  EXPECT_EQ(PrintModule(module), text);
}

// What `text` prints as.
std::string Reprint(const std::string& text) {
  const auto module = ParseModule(text);
  return module.ok() ? PrintModule(*module) : "refused: " + std::string(module.status().message());
}

constexpr char kA[] = "A: T.Buffer((16,), \"float32\"), n: T.int32";

TEST(RoundTripTest, Loops) {
  ExpectSame(Main(kA, R"(
for i in range(2, 10):
    A[i] = T.float32(0.0)
for i in range(n, n + 4):
    A[i] = T.float32(0.5)
for i, j in T.grid(4, n):
    for k in T.serial(4, annotations={"k": 1, "s": "text"}):
        for l in T.parallel(2):
            for m in T.vectorized(2):
                for o in T.unroll(2, annotations={"pragma": T.bool(True)}):
                    A[i + j + k + l + m + o] = T.float32(1.0)
for i in T.thread_binding(2, 34, thread="threadIdx.y"):
    A[i] = T.float32(-0.0)
for i in range(4):
    for j in range(i):
        A[j] = T.float32("inf"))"));
}

TEST(RoundTripTest, StatementsWithBodies) {
  ExpectSame(Main(kA, R"(
with T.LetStmt(n * 2) as x:
    A[x] = T.float32(1.0)
assert n < 4, "small"
B = T.allocate([n], "float32", "global")
B_1 = T.Buffer((n,), data=B)
with T.attr(n, "key", 1):
    B_1[0] = T.float32(1.0)
if n < 2:
    A[0] = B_1[0]
else:
    A[1] = B_1[0]
while A[0] < T.float32(3.0):
    A[0] = A[0] + T.float32(1.0)
x: T.int32 = n * 2
T.evaluate(x))"));
}

TEST(RoundTripTest, Allocations) {
  ExpectSame(Main(kA, R"(
with T.decl_buffer((4,)) as B:
    B[0] = T.float32(1.0)
C = T.allocate_const([1, 2], "int32", [2])
D = T.decl_buffer((2,), "int32", data=C)
E = T.decl_buffer((8,), scope="shared")
T.evaluate(D[0]))"));
}

TEST(RoundTripTest, Threads) {
  ExpectSame(Main(kA, R"(
with T.launch_thread("threadIdx.x", 16) as tx:
    A[tx] = T.float32(1.0)
ty = T.env_thread("threadIdx.y")
with T.launch_thread(ty, 2):
    A[ty] = T.float32(1.0)
T.launch_thread(ty, 2)
A[ty] = T.float32(2.0))"));
}

TEST(RoundTripTest, Blocks) {
  ExpectSame(Main("A: T.Buffer((16, 16), \"float32\"), C: T.Buffer((16,), \"float32\")", R"(
# with T.block("root"):
B = T.alloc_buffer((16, 16), "float16", scope="local")
for i, j in T.grid(16, 16):
    with T.block("B"):
        vi, vj = T.axis.remap("SS", [i, j])
        T.where(i * 4 + j < 30)
        T.reads(A[vi, 0:16])
        T.writes(B[vi, vj])
        T.block_attr({"a": [1, 2, [3]], "m": {"x": T.float32(0.5)}})
        D = T.alloc_buffer((4,))
        E = T.match_buffer(A[vi, 0:16], (16,), strides=("s",), offset_factor=1)
        with T.init():
            B[vi, vj] = T.float16(0.0)
        D[0] = E[0] + T.Cast("float32", E.strides[0] + E.elem_offset)
        B[vi, vj] = T.Cast("float16", A[vi, vj])
for i in range(16):
    with T.block("C"):
        vi = T.axis.opaque(16, i)
        vk = T.axis.scan((2, 4), 2)
        T.reads()
        T.writes(C[vi:vi + 2])
        C[vi] = T.float32(0.0)
    with T.block("free", no_realize=True):
        vi = T.axis.spatial(16)
        T.reads()
        T.writes(C[vi])
        C[vi] = T.float32(1.0))"));
}

TEST(RoundTripTest, RootBlocks) {
  ExpectSame(Main(kA, R"(
with T.block("root"):
    T.reads()
    T.writes()
    T.block_attr({"k": 1})
    for i in range(4):
        with T.block("b"):
            vi = T.axis.spatial(4, i)
            T.reads()
            T.writes(A[vi])
            A[vi] = T.float32(0.0))"));
  ExpectSame(Main(kA, R"(
with T.block("root"):
    T.reads()
    T.writes()
    for i in range(4):
        A[i] = T.float32(0.0))"));
}

TEST(RoundTripTest, Parameters) {
  ExpectSame(Main("a: T.handle, b: T.handle(\"float32\", \"global\"), s: T.handle, x: T.float16", R"(
T.func_attr({"layout_free_buffers": [1], "t": T.target({"keys": ["cpu"], "kind": "llvm", "num-cores": 16, "tag": ""})})
n, m = T.int32(), T.int32()
A = T.match_buffer(a, (n, m), "int8", strides=(m, 1), elem_offset=4, align=128, offset_factor=4)
k = T.int32(is_size_var=True)
S = T.match_buffer(s, (k,), strides=("st",), offset_factor=2, buffer_type="auto", axis_separators=[1])
T.evaluate(A[0, 0])
T.evaluate(S.strides[0] + S.elem_offset))"));
}

TEST(RoundTripTest, Expressions) {
  ExpectSame(Main("A: T.Buffer((16,), \"float32\"), n: T.int32, m: T.int64, b: T.bool, f: T.float32, u: T.uint8", R"(
T.evaluate(n * (n // 2) % 4)
T.evaluate(n // 2 * 3 - (n - 1))
T.evaluate(T.Add(1, 2))
T.evaluate(T.Mul(n, 1) + T.FloorDiv(0, n))
T.evaluate(n - n)
T.evaluate(T.Div(n, 2) + T.truncmod(n, 3))
T.evaluate(f / T.float32(3.0))
T.evaluate(b and n < 2 and (n == 3 or not b))
T.evaluate(not n < 2)
T.evaluate(not (b or b))
T.evaluate(b == (n < 2))
T.evaluate(T.And(b, T.bool(True)))
T.evaluate(T.min(n, 2) + T.max(n, -5))
T.evaluate(T.Cast("int64", n) + m * T.int64(-2))
T.evaluate(T.Select(b, n, 1))
T.evaluate(A[0:4] + T.Broadcast(f, 4))
T.evaluate(A[n:n + 8:2])
T.evaluate(T.Cast("int32x4", T.Ramp(T.int64(0), T.int64(1), 4)))
T.evaluate(A.vload([T.Ramp(0, 1, 4)], predicate=T.get_active_lane_mask("uint1x4", 0, 3)))
T.evaluate(T.Shuffle([n, 1], [0]))
T.evaluate(T.float32(0.10000000000000001))
T.evaluate(T.float32(16777216.0))
T.evaluate(T.uint8(200) + u)
T.evaluate("text \"quoted\" \\ \t")
T.evaluate(T.float64("nan")))"));
}

TEST(RoundTripTest, Calls) {
  ExpectSame(Main("A: T.Buffer((16,), \"float32\"), n: T.int32, b: T.bool", R"(
T.if_then_else(b, A[0], T.exp(A[1]))
T.bitwise_and(n, 1)
T.bitwise_not(n)
T.shift_left(n, 2)
T.pow(A[0], T.float32(2.0))
T.fabs(A[0])
T.likely(b)
T.reinterpret("int32", A[0])
T.call_extern("int32", "f", A.data, n)
T.call_packed("g", n)
T.call_llvm_pure_intrin("float32", "llvm.fma.f32", T.uint32(3), A[0], A[0], A[0])
T.tvm_access_ptr(T.type_annotation("float32"), A.data, 0, 16, 1)
T.tvm_storage_sync("shared")
T.tvm_struct_get(A.data, 0, 1, "handle")
T.ptx_commit_group()
T.q_multiply_shift(n, n, 31, n)
T.address_of(A[3])
return n)"));
}

TEST(RoundTripTest, LetExpressionsAndReducers) {
  ExpectSame(Main("n: T.int32", R"(
x = T.int32()
T.evaluate(T.Let(x + x, where={x: n}))
v = T.int32()
T.evaluate(T.reduce(T.comm_reducer(lambda a, b: a + b, [0]), [v], [], [T.iter_var(v, T.Range(0, 4), "CommReduce", "")], T.bool(True), 0)))"));
}

TEST(RoundTripTest, ModulesOfSeveralFunctions) {
  ExpectSame(R"(# from tvm.script import ir as I
# from tvm.script import tir as T

@I.ir_module
class Module:
    I.module_attrs({"system_lib_prefix": "x"})
    ext = I.ExternFunc("sym")

    @T.prim_func(private=True)
    def helper(n: T.int32) -> T.int32:
        return n * 2

    @T.prim_func
    def main(A: T.Buffer((4,), "int32")):
        T.func_attr({"global_symbol": "other"})
        A[0] = Module.helper(3))");
}

TEST(RoundTripTest, NamesAreMadeLegalAndUnique) {
  const std::string text = Main("A: T.Buffer((4,), \"float32\")", R"(
for i in range(4):
    A[i] = T.float32(0.0)
for i in range(4):
    A[i] = T.float32(0.0)
for i in range(4):
    for i_1 in range(i):
        A[i_1] = T.float32(0.0))");
  ExpectSame(text);
  EXPECT_EQ(Reprint(Main("T: T.int32", "T_1: T.int32 = T\n")).substr(0, 7), "refused");
}

TEST(RoundTripTest, MetadataOnRequest) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, ParseModule(Main(kA, "assert n < 4, \"two\\nlines\"\nA[0] = 1")));
  const std::string hidden = PrintModule(module);
  EXPECT_NE(hidden.find("assert n < 4, metadata[\"tir.StringImm\"][0]"), std::string::npos) << hidden;
  EXPECT_NE(hidden.find("# Metadata omitted."), std::string::npos);
  const std::string shown = PrintModule(module, {.show_meta = true});
  ASSERT_OK_AND_ASSIGN(const ir::IRModule again, ParseModule(shown));
  EXPECT_TRUE(ir::StructuralEqual(module, again)) << shown;
  EXPECT_EQ(PrintModule(again, {.show_meta = true}), shown);
}

// ---- other ways to write the same

TEST(ReadingTest, GridsAliasesAndWhiteSpace) {
  const std::string want = Main("A: T.Buffer((4, 8), \"float32\")", R"(
# with T.block("root"):
for i, j in T.grid(4, 8):
    with T.block("b"):
        vi, vj = T.axis.remap("SS", [i, j])
        T.reads(A[vi, vj])
        T.writes(A[vi, vj])
        A[vi, vj] = A[vi, vj] + T.float32(1.0))");
  EXPECT_EQ(Reprint(R"(
import tvm
from tvm.script import ir as IR_
from tvm.script import tir as X

N = 8

def not_ours(x):
    return x + 1

@IR_.ir_module
class Anything:
  @X.prim_func
  def main(a: X.handle) -> None:   # a comment
    A = X.match_buffer(
        a, [4, N],
        dtype="float32")
    for i in X.serial(0, 4):
        for j in range(
            N
        ):
            with X.block( "b" ) :
                vi = X.axis.S(4, i); vj = X.axis.S(N, j)
                A[vi,vj] += 1
)"),
            want);
}

TEST(ReadingTest, MacrosMetaVariablesAndScopes) {
  EXPECT_EQ(Reprint(R"(
@T.macro
def put(buf, at, value):
    buf[at] = value

@T.prim_func
def main(A: T.Buffer(16, "float32"), n: T.int32):
    two = T.meta_var(n * 2)
    put(A, two, value=T.float32(1))
    with T.If(n < 4):
        with T.Then():
            A[0] = 2
        with T.Else():
            if True:
                A[1] = 3.5
            else:
                A[2] = 4
    if n < 1:
        pass
    elif n < 2:
        T.evaluate(0)
        A[3] = T.cast(n, "float32")
)"),
            Main("A: T.Buffer((16,), \"float32\"), n: T.int32", R"(
A[n * 2] = T.float32(1.0)
if n < 4:
    A[0] = T.float32(2.0)
else:
    A[1] = T.float32(3.5)
if n < 1:
    T.evaluate(0)
else:
    if n < 2:
        A[3] = T.Cast("float32", n))"));
}

TEST(ReadingTest, NumbersTakeTheTypeOfTheirNeighbours) {
  EXPECT_EQ(Reprint(Main("x64: T.int64, u8: T.uint8, n: T.int32, f: T.float32, h: T.float16", R"(
T.evaluate(x64 + 1)
T.evaluate(n + 1.5)
T.evaluate(u8 + 1)
T.evaluate(n + 3000000000)
T.evaluate(f < 2)
T.evaluate(n * 1 + 0)
T.evaluate(T.float32(0.1) + T.float32(0.2))
T.evaluate(-n)
T.evaluate(T.float16(1) + T.float16(2))
T.evaluate(2 * 3 + n))")),
            Main("x64: T.int64, u8: T.uint8, n: T.int32, f: T.float32, h: T.float16", R"(
T.evaluate(x64 + T.int64(1))
T.evaluate(T.Cast("float32", n) + T.float32(1.5))
T.evaluate(T.Cast("int32", u8) + 1)
T.evaluate(T.Cast("int64", n) + T.int64(3000000000))
T.evaluate(f < T.float32(2.0))
T.evaluate(n)
T.evaluate(T.float32(0.30000001192092896))
T.evaluate(n * -1)
T.evaluate(T.float16(1.0) + T.float16(2.0))
T.evaluate(6 + n))"));
}

// ---- refusals

struct Refusal {
  const char* body;
  const char* position;  // line:column in the function's text, whose body starts at line 8.
  const char* part;
};

TEST(RefusalTest, MessagesSayWhereAndWhatWasExpected) {
  const Refusal kCases[] = {
      {"A[0] = ", "8:16", "expected an expression"},
      {"A[0] = undefined_name", "8:16", "'undefined_name' is not defined"},
      {"for i in range(0, 4, 2):\n    A[i] = 1", "8:18", "no step"},
      {"for i in A:\n    A[i] = 1", "8:18", "expected range"},
      {"A[0, 1] = 1", "8:9", "1 dimensions"},
      {"T.nonsense(1)", "8:9", "no T.nonsense"},
      {"T.evaluate(n < 1.5)", "8:22", "float"},
      {"T.evaluate(n / 2)", "8:22", "ambiguous"},
      {"T.evaluate(1 < n < 3)", "8:26", "chained"},
      {"assert n < 2", "8:9", "message"},
      {"T.evaluate((n", "8:20", "never closed"},
      {"x = y = n", "8:9", "chained"},
      {"T.where(n < 2)", "8:9", "directly in a block"},
      {"T.evaluate(T.int8(300))", "8:20", "does not fit"},
      {"T.evaluate(T.float16(70000.0))", "8:20", "does not fit"},
      {"A[0:] = 1", "8:9", "stop"},
      {"try:\n    pass", "8:9", "not supported"},
      {"T.evaluate(\"no end)", "8:20", "never closed"},
      {"if n < 2:\n  pass\n    pass", "10:13", "indented"},
      {"x = n + 1\nx = n + 2", "9:9", "in this scope already"},
      {"x: T.int32 = n\nx: T.int32 = n", "9:9", "in this scope already"},
      {"x = n + 1\nx += 1", "9:9", "in this scope already"},
  };
  for (const Refusal& c : kCases) {
    const auto module = ParseModule(Main(kA, c.body), {.file_name = "f.py"});
    ASSERT_FALSE(module.ok()) << c.body;
    const std::string message(module.status().message());
    EXPECT_EQ(message.rfind("f.py:" + std::string(c.position) + ": ", 0), 0u) << c.body << "\n" << message;
    EXPECT_NE(message.find(c.part), std::string::npos) << message;
    EXPECT_EQ(message.back(), '^') << message;
  }
}

// A literal of a wider type was cut, or stored as one that is not read back.
TEST(RefusalTest, AStoredLiteralFitsTheBuffer) {
  constexpr std::pair<const char*, const char*> kStores[] = {{"float16", "T.float32(70000.0)"},
                                                             {"e4m3_float8", "T.float32(449.0)"},
                                                             {"e5m2_float8", "T.float16(60000.0)"},
                                                             {"int8", "T.int64(300)"},
                                                             {"uint4", "T.int32(16)"},
                                                             {"int4", "-9"}};
  for (const auto& [dtype, value] : kStores) {
    const std::string buffer = "A: T.Buffer((8,), \"" + std::string(dtype) + "\")";
    const auto module = ParseModule(Main(buffer, "A[0] = " + std::string(value)));
    ASSERT_FALSE(module.ok()) << dtype << " " << value;
    EXPECT_NE(module.status().message().find("does not fit"), std::string::npos) << module.status();
  }
}

TEST(ReadingTest, ALetOfAnInnerScopeMayHideAnOuterOne) {
  EXPECT_OK(ParseModule(Main(kA, "x = n + 1\nfor i in range(2):\n    x = i + 1\n    A[x] = 1\nA[x] = 2")));
  EXPECT_OK(ParseModule(Main(kA, "for i in range(2):\n    x = i\n    A[x] = 1\nx = n + 1\nA[x] = 2")));
}

TEST(RefusalTest, LimitsAreNotStackOverflows) {
  const std::string deep = std::string(100000, '(') + "1" + std::string(100000, ')');
  std::string chain = "n";
  for (int i = 0; i < 100000; ++i) chain += " + n";
  std::string lets, doubling = "x = T.meta_var(n + n)\n";
  for (int i = 0; i < 5000; ++i) lets += "x" + std::to_string(i) + " = n + 1\n";
  for (int i = 0; i < 80; ++i) doubling += "x = T.meta_var(x + x)\n";
  std::string grid;
  for (int i = 0; i < 5000; ++i) grid += i == 0 ? "2" : ", 2";
  for (const std::string& body :
       {"T.evaluate(" + deep + ")", "T.evaluate(" + chain + ")", lets, doubling + "T.evaluate(x)",
        "for i in T.grid(" + grid + "):\n    T.evaluate(0)", std::string("f = lambda x: f(x)\nT.evaluate(f(n))")}) {
    EXPECT_FALSE(ParseModule(Main(kA, body)).ok()) << body.substr(0, 60);
  }
}

TEST(RefusalTest, IllFormedFunctionsOnRequest) {
  const std::string text = Main(kA, "x = T.int32()\nA[x] = 1");
  EXPECT_OK(ParseModule(text));
  EXPECT_FALSE(ParseModule(text, {.check_well_formed = true}).ok());
}

}  // namespace
}  // namespace hone::script
