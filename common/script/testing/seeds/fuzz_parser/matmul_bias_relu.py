# Y = max(A x B + bias, 0), 512 x 512 x 512, float32: the matmul of a dense layer with its epilogue.
# The same work for bench/peers: matmul_bias_relu:512,512,512
# from tvm.script import ir as I
# from tvm.script import tir as T

@I.ir_module
class Module:
    @T.prim_func
    def main(A: T.Buffer((512, 512), "float32"), B: T.Buffer((512, 512), "float32"), bias: T.Buffer((512,), "float32"), relu: T.Buffer((512, 512), "float32")):
        T.func_attr({"tir.noalias": T.bool(True)})
        # with T.block("root"):
        C = T.alloc_buffer((512, 512))
        bias_add = T.alloc_buffer((512, 512))
        for i, j, k in T.grid(512, 512, 512):
            with T.block("C"):
                v_i, v_j, v_k = T.axis.remap("SSR", [i, j, k])
                T.reads(A[v_i, v_k], B[v_k, v_j])
                T.writes(C[v_i, v_j])
                with T.init():
                    C[v_i, v_j] = T.float32(0.0)
                C[v_i, v_j] = C[v_i, v_j] + A[v_i, v_k] * B[v_k, v_j]
        for i, j in T.grid(512, 512):
            with T.block("bias_add"):
                v_i, v_j = T.axis.remap("SS", [i, j])
                T.reads(C[v_i, v_j], bias[v_j])
                T.writes(bias_add[v_i, v_j])
                bias_add[v_i, v_j] = C[v_i, v_j] + bias[v_j]
        for i, j in T.grid(512, 512):
            with T.block("relu"):
                v_i, v_j = T.axis.remap("SS", [i, j])
                T.reads(bias_add[v_i, v_j])
                T.writes(relu[v_i, v_j])
                relu[v_i, v_j] = T.max(bias_add[v_i, v_j], T.float32(0.0))
