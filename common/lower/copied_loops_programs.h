// Programs with virtual threads, software pipelines and double buffers on a CPU, for the tests of lowering and of code.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hone::lower {

// Two virtual threads share what one of them loads; `count` of them.
inline std::string VirtualThreadsProgram(int count) {
  std::string text = R"(
@T.prim_func
def main(A: T.Buffer((32, 24), "float32"), B: T.Buffer((24, 48), "float32"), C: T.Buffer((32, 48), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    Ap = T.alloc_buffer((32, 24))
    S = T.alloc_buffer((32, 48))
    for io in range(4):
        for vt in T.thread_binding($V, thread="vthread.x"):
            for ii, k in T.grid(8, 24):
                with T.block("pack"):
                    vi = T.axis.spatial(32, io * 8 + ii)
                    vk = T.axis.spatial(24, k)
                    T.reads(A[vi, vk])
                    T.writes(Ap[vi, vk])
                    Ap[vi, vk] = A[vi, vk] * T.float32(2)
            for ii in range(8):
                for j in T.vectorized(48 // $V):
                    with T.block("init"):
                        vi = T.axis.spatial(32, io * 8 + ii)
                        vj = T.axis.spatial(48, vt * (48 // $V) + j)
                        T.reads()
                        T.writes(S[vi, vj])
                        S[vi, vj] = T.float32(0)
            for k, ii in T.grid(24, 8):
                for j in T.vectorized(48 // $V):
                    with T.block("update"):
                        vi = T.axis.spatial(32, io * 8 + ii)
                        vj = T.axis.spatial(48, vt * (48 // $V) + j)
                        vk = T.axis.reduce(24, k)
                        T.reads(S[vi, vj], Ap[vi, vk], B[vk, vj])
                        T.writes(S[vi, vj])
                        S[vi, vj] = S[vi, vj] + Ap[vi, vk] * B[vk, vj]
            for ii in range(8):
                for j in T.vectorized(48 // $V):
                    with T.block("out"):
                        vi = T.axis.spatial(32, io * 8 + ii)
                        vj = T.axis.spatial(48, vt * (48 // $V) + j)
                        T.reads(S[vi, vj])
                        T.writes(C[vi, vj])
                        C[vi, vj] = S[vi, vj] + T.float32(1)
)";
  for (size_t at; (at = text.find("$V")) != std::string::npos;) text.replace(at, 2, std::to_string(count));
  return text;
}

// Three steps a tile: fetch, change, write; `stages` and `order` as the annotations have them.
inline std::string SoftwarePipelineProgram(std::string_view stages, std::string_view order, bool async = false) {
  std::string text = R"(
@T.prim_func
def main(A: T.Buffer((13, 32), "float32"), D: T.Buffer((13, 32), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    for t in T.serial(13, annotations={"software_pipeline_stage": $S, "software_pipeline_order": $O$A}):
        with T.block("tile"):
            vt = T.axis.spatial(13, t)
            T.reads(A[vt, 0:32])
            T.writes(D[vt, 0:32])
            B = T.alloc_buffer((32,))
            C = T.alloc_buffer((32,))
            for i in T.vectorized(32):
                with T.block("fetch"):
                    v = T.axis.spatial(32, i)
                    T.reads(A[vt, v])
                    T.writes(B[v])
                    B[v] = A[vt, v]
            for i in range(32):
                with T.block("change"):
                    v = T.axis.spatial(32, i)
                    T.reads(B[31 - v])
                    T.writes(C[v])
                    C[v] = B[31 - v] * T.float32(3)
            for i in T.vectorized(32):
                with T.block("write"):
                    v = T.axis.spatial(32, i)
                    T.reads(C[v])
                    T.writes(D[vt, v])
                    D[vt, v] = C[v] + T.float32(1)
)";
  text.replace(text.find("$S"), 2, stages);
  text.replace(text.find("$O"), 2, order);
  text.replace(text.find("$A"), 2, async ? ", \"software_pipeline_async_stages\": [0]" : "");
  return text;
}

// The buffer of a tile is filled for the next one while this one is used.
inline std::string DoubleBufferProgram() {
  return R"(
@T.prim_func
def main(A: T.Buffer((13, 32), "float32"), D: T.Buffer((13, 32), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    B = T.allocate([32], "float32", "global")
    B_1 = T.Buffer((32,), "float32", data=B)
    A_1 = T.Buffer((416,), "float32", data=A.data)
    D_1 = T.Buffer((416,), "float32", data=D.data)
    for t in range(13):
        with T.attr(B, "double_buffer_scope", 1):
            for i in range(32):
                B_1[i] = A_1[t * 32 + i]
        for i in range(32):
            D_1[t * 32 + i] = B_1[31 - i] * T.float32(3)
)";
}

inline std::vector<std::string> CopiedLoopsPrograms() {
  return {VirtualThreadsProgram(2),
          VirtualThreadsProgram(3),
          VirtualThreadsProgram(16),
          SoftwarePipelineProgram("[0, 1, 1]", "[0, 1, 2]"),
          SoftwarePipelineProgram("[0, 1, 2]", "[2, 1, 0]"),
          SoftwarePipelineProgram("[0, 0, 3]", "[0, 1, 2]"),
          SoftwarePipelineProgram("[0, 2, 2]", "[0, 1, 2]", /*async=*/true),
          DoubleBufferProgram()};
}

}  // namespace hone::lower
