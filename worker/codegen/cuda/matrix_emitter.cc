// Matrix instructions of a kernel: wmma, mma.sync, ldmatrix, cp.async. Instructions and the registers that they take
// are as in "PTX ISA", section "Warp Level Matrix Multiply-Accumulate Instructions".
#include <algorithm>

#include "common/ir/visitor.h"
#include "common/support/strings.h"
#include "worker/codegen/cuda/kernel_emitter.h"

namespace hone::codegen {

using ir::Builtin;
using ir::DataType;
using ir::Expr;

namespace {

int ConstArg(const ir::CallNode* call, size_t i) {
  const int64_t* value = i < call->args.size() ? ir::ConstInt(call->args[i]) : nullptr;
  return value != nullptr ? static_cast<int>(*value) : 0;
}

std::string TextArg(const ir::CallNode* call, size_t i) {
  const auto* text = i < call->args.size() ? call->args[i].as<ir::StringImmNode>() : nullptr;
  return text != nullptr ? std::string(text->value) : std::string();
}

// As PTX writes it.
std::string PtxType(DataType dtype) {
  if (dtype.is_bfloat16()) return "bf16";
  if (dtype.is_float()) return StrCat("f", static_cast<int>(dtype.bits));
  return StrCat(dtype.is_int() ? "s" : "u", static_cast<int>(dtype.bits));
}

// "fp16" and the like of tensor IR.
std::string PtxTypeOf(const std::string& name) {
  if (name == "fp16" || name == "float16") return "f16";
  if (name == "fp32" || name == "float32") return "f32";
  if (name == "fp64" || name == "float64") return "f64";
  if (name == "bf16" || name == "bfloat16") return "bf16";
  if (name == "tf32") return "tf32";
  if (name == "int8") return "s8";
  if (name == "uint8") return "u8";
  if (name == "int4") return "s4";
  if (name == "uint4") return "u4";
  if (name == "int32") return "s32";
  return "";
}

int BitsOf(const std::string& ptx_type) {
  if (ptx_type == "tf32") return 32;
  size_t digits = ptx_type.find_first_of("0123456789");
  return digits == std::string::npos ? 0 : std::atoi(ptx_type.c_str() + digits);
}

// "%3, %4, %5" for `count` operands from `first` on.
std::string Operands(int first, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) StrAppend(&out, i > 0 ? ", " : "", "%", first + i);
  return out;
}

std::string Constraints(const std::string& array, int count, const char* constraint) {
  std::string out;
  for (int i = 0; i < count; ++i) StrAppend(&out, i > 0 ? ", " : "", "\"", constraint, "\"(", array, "[", i, "])");
  return out;
}

const char* ConstraintOf(const std::string& type) { return type == "float" ? "f" : "r"; }

}  // namespace

int64_t KernelEmitter::Fragment::elements() const {
  return role == "a" ? int64_t{m} * k : role == "b" ? int64_t{k} * n : int64_t{m} * n;
}

std::string KernelEmitter::Fragment::shape() const { return StrCat("m", m, "n", n, "k", k); }

std::string KernelEmitter::Fragment::register_type() const {
  if (role != "c") return "unsigned";
  if (dtype.is_float() && dtype.bits == 32) return "float";
  return dtype.is_int() ? "int" : "unsigned";
}

int KernelEmitter::Fragment::registers() const {
  if (role == "c") return dtype.bits == 16 ? 4 : static_cast<int>(elements() / 32);
  if (dtype.is_float() && dtype.bits == 16) return mma ? 4 : 8;  // wmma holds every element twice.
  return std::max<int>(1, static_cast<int>(elements() * dtype.bits / 1024));
}

// Sizes, types and layouts of fragments come from the instructions that use them.
void KernelEmitter::SurveyFragment(const ir::CallNode* call) {
  const auto var = [&](size_t i) { return i < call->args.size() ? call->args[i].as<ir::VarNode>() : nullptr; };
  const auto note = [&](const ir::VarNode* data, std::string_view role, size_t shape) {
    if (data == nullptr) return static_cast<Fragment*>(nullptr);
    Fragment& fragment = fragments_[data];
    fragment.role = role;
    if (shape > 0) {
      fragment.m = ConstArg(call, shape);
      fragment.n = ConstArg(call, shape + 1);
      fragment.k = ConstArg(call, shape + 2);
    }
    if (data->type->kind == ir::TypeKind::kPointer) fragment.dtype = data->type->dtype;
    return &fragment;
  };
  if (call->Is(Builtin::tvm_load_matrix_sync)) {
    const ir::VarNode* data = var(0);
    if (data == nullptr) return;
    const std::string_view scope = data->type->scope;
    Fragment* fragment = note(data, scope == "wmma.matrix_a" ? "a" : scope == "wmma.matrix_b" ? "b" : "c", /*shape=*/1);
    if (fragment == nullptr) return;
    fragment->layout = TextArg(call, 7) == "col_major" ? "col" : "row";
    if (fragment->role != "c" && !lower::IsSharedScope(ScopeOf(call->args[5]))) needs_wmma_ = true;
  } else if (call->Is(Builtin::tvm_fill_fragment) || call->Is(Builtin::tvm_store_matrix_sync)) {
    note(var(0), "c", 1);
  } else if (call->Is(Builtin::tvm_mma_sync)) {
    note(var(0), "c", 0);
  }
}

// Half precision in tiles of 16 x 16 x 16 is written with ldmatrix and mma.sync, whose registers are known: loads take
// one instruction without bank conflicts on padded rows, and nothing is held twice.
void KernelEmitter::ChooseFragmentRegisters(ir::Stmt body) {
  constexpr int kFirstSm = 80;
  bool mma = sm_ >= kFirstSm && !needs_wmma_;
  for (const auto& [var, f] : fragments_) {
    const bool half = f.dtype.is_float() && f.dtype.bits == 16;
    const bool single = f.dtype.is_float() && f.dtype.bits == 32;
    mma = mma && (half || (single && f.role == "c"));
    // Fragments that only mma names have their size from others.
    mma = mma && (f.m == 0 || (f.m == 16 && f.n == 16 && f.k == 16));
  }
  // A warp's lanes are 32 neighbours in threadIdx.x.
  ir::PreOrderVisitStmts(body, [&](ir::Stmt stmt) {
    const auto* attr = stmt.as<ir::AttrStmtNode>();
    const auto* iter = attr != nullptr ? ir::As<ir::IterVarNode>(attr->node) : nullptr;
    if (iter != nullptr && attr->attr_key == "thread_extent" && iter->thread_tag == "threadIdx.x") {
      const int64_t* extent = ir::ConstInt(attr->value);
      mma = mma && extent != nullptr && *extent % 32 == 0;
    }
    return true;
  });
  for (auto& [var, f] : fragments_) f.mma = mma;
}

const KernelEmitter::Fragment* KernelEmitter::FragmentOf(Expr e, std::string* name) {
  const auto* var = e.as<ir::VarNode>();
  const auto it = var != nullptr ? fragments_.find(var) : fragments_.end();
  if (it == fragments_.end() || it->second.m == 0 || !pointers_.contains(var)) {
    FailUnimplemented("a matrix fragment whose size no instruction tells");
    return nullptr;
  }
  *name = pointers_[var].name;
  return &it->second;
}

void KernelEmitter::LoadMatrix(const ir::CallNode* call) {
  std::string name;
  const Fragment* f = FragmentOf(call->args[0], &name);
  if (f == nullptr) return;
  const bool shared = lower::IsSharedScope(ScopeOf(call->args[5]));
  const std::string type = PtxType(f->dtype);
  const std::string layout = TextArg(call, 7) == "col_major" ? "col" : "row";
  if (f->mma) {
    Fragment here = *f;
    here.layout = layout;
    const std::string function =
        here.role == "c" ? MoveAccumulatorFunction(here, true, shared) : LdmatrixFunction(here);
    return Line(StrCat(function, "(", name, "[", Scalar(call->args[4]), "], ", PointerExpr(call->args[5]), ", ",
                       Scalar(call->args[6]), ");"));
  }
  const std::string function =
      StrCat("wmma_load_", f->role, "_", layout, "_", f->shape(), "_", type, shared ? "_shared" : "");
  const int n = f->registers();
  if (shared) prelude_.Use("shared_address");
  const char* c = ConstraintOf(f->register_type());
  prelude_.Add(function,
               StrCat("__device__ inline void ", function, "(", f->register_type(),
                      "* f, const void* p, int stride) {\n", "  asm volatile(\"wmma.load.", f->role, ".sync.aligned.",
                      layout, ".", f->shape(), shared ? ".shared." : ".", type, " {", Operands(0, n), "}, [%", n,
                      "], %", n + 1, ";\"\n      : ", Constraints("f", n, StrCat("=", c).c_str()), "\n      : ",
                      shared ? "\"r\"(shared_address(p))" : "\"l\"(p)", ", \"r\"(stride) : \"memory\");\n}\n"));
  Line(StrCat(function, "(", name, "[", Scalar(call->args[4]), "], ", PointerExpr(call->args[5]), ", ",
              Scalar(call->args[6]), ");"));
}

void KernelEmitter::StoreMatrix(const ir::CallNode* call) {
  std::string name;
  const Fragment* f = FragmentOf(call->args[0], &name);
  if (f == nullptr) return;
  const bool shared = lower::IsSharedScope(ScopeOf(call->args[5]));
  const std::string type = PtxType(f->dtype);
  const std::string layout = TextArg(call, 7) == "col_major" ? "col" : "row";
  if (f->mma) {
    Fragment here = *f;
    here.layout = layout;
    return Line(StrCat(MoveAccumulatorFunction(here, false, shared), "(", name, "[", Scalar(call->args[4]), "], ",
                       PointerExpr(call->args[5]), ", ", Scalar(call->args[6]), ");"));
  }
  const std::string function = StrCat("wmma_store_", layout, "_", f->shape(), "_", type, shared ? "_shared" : "");
  const int n = f->registers();
  if (shared) prelude_.Use("shared_address");
  prelude_.Add(function,
               StrCat("__device__ inline void ", function, "(void* p, const ", f->register_type(),
                      "* f, int stride) {\n  asm volatile(\"wmma.store.d.sync.aligned.", layout, ".", f->shape(),
                      shared ? ".shared." : ".", type, " [%0], {", Operands(1, n), "}, %", n + 1,
                      ";\"\n      :: ", shared ? "\"r\"(shared_address(p))" : "\"l\"(p)", ", ",
                      Constraints("f", n, ConstraintOf(f->register_type())), ", \"r\"(stride) : \"memory\");\n}\n"));
  Line(StrCat(function, "(", PointerExpr(call->args[5]), ", ", name, "[", Scalar(call->args[4]), "], ",
              Scalar(call->args[6]), ");"));
}

void KernelEmitter::FillMatrix(const ir::CallNode* call) {
  std::string name;
  const Fragment* f = FragmentOf(call->args[0], &name);
  if (f == nullptr) return;
  std::string value = Scalar(call->args[5]);
  if (f->register_type() == "unsigned") {
    // Two halves a register.
    value = StrCat("(unsigned)half(float(", value, ")).bits * 0x10001u");
    prelude_.Use(DataType::Float(16));
  }
  const std::string i = NewName("r");
  Line("#pragma unroll");
  Line(StrCat("for (int ", i, " = 0; ", i, " < ", f->registers(), "; ++", i, ") ", name, "[", Scalar(call->args[4]),
              "][", i, "] = ", value, ";"));
}

void KernelEmitter::MultiplyMatrices(const ir::CallNode* call) {
  std::string names[4];
  const Fragment* f[4];
  for (size_t i = 0; i < 4; ++i) {
    f[i] = FragmentOf(call->args[2 * i], &names[i]);
    if (f[i] == nullptr) return;
  }
  const Fragment &d = *f[0], &a = *f[1], &b = *f[2], &c = *f[3];
  if (d.mma) {
    std::string text = StrCat(MmaFunction(d, c), "(");
    for (size_t i = 0; i < 4; ++i) {
      StrAppend(&text, i > 0 ? ", " : "", names[i], "[", Scalar(call->args[2 * i + 1]), "]");
    }
    return Line(StrCat(text, ");"));
  }
  const bool floats = a.dtype.is_float() || a.dtype.is_bfloat16();
  // Half precision needs the types of both accumulators, all else the types of the factors, too.
  std::string types = StrCat(".", PtxType(d.dtype),
                             floats && a.dtype.is_float() ? "" : StrCat(".", PtxType(a.dtype), ".", PtxType(b.dtype)),
                             ".", PtxType(c.dtype));
  const std::string saturate = "";
  const std::string function = StrCat("wmma_mma_", a.layout, "_", b.layout, "_", a.shape(), "_", PtxType(d.dtype), "_",
                                      PtxType(a.dtype), "_", PtxType(b.dtype));
  const int nd = d.registers(), na = a.registers(), nb = b.registers(), nc = c.registers();
  const std::string d_type = d.register_type();
  const char* cd = ConstraintOf(d_type);
  prelude_.Add(function, StrCat("__device__ inline void ", function, "(", d_type,
                                "* d, const unsigned* a, const unsigned* b, const ", c.register_type(),
                                "* c) {\n  asm(\"wmma.mma.sync.aligned.", a.layout, ".", b.layout, ".", a.shape(),
                                types, saturate, "\\n\\t{", Operands(0, nd), "},\\n\\t{", Operands(nd, na), "},\\n\\t{",
                                Operands(nd + na, nb), "},\\n\\t{", Operands(nd + na + nb, nc),
                                "};\"\n      : ", Constraints("d", nd, StrCat("=", cd).c_str()),
                                "\n      : ", Constraints("a", na, "r"), ",\n        ", Constraints("b", nb, "r"),
                                ",\n        ", Constraints("c", nc, ConstraintOf(c.register_type())), ");\n}\n"));
  std::string text = StrCat(function, "(");
  for (size_t i = 0; i < 4; ++i) {
    StrAppend(&text, i > 0 ? ", " : "", names[i], "[", Scalar(call->args[2 * i + 1]), "]");
  }
  Line(StrCat(text, ");"));
}

// Loads a factor, 16 x 16 halves: four matrices of 8 x 8 in the order in which mma.sync takes them. Where the memory
// runs along the other dimension than the registers, they are transposed on the way.
std::string KernelEmitter::LdmatrixFunction(const Fragment& f) {
  const std::string function = StrCat("load_", f.role, "_", f.layout);
  const bool trans = (f.role == "a") != (f.layout == "row");
  // Each lane names a row of eight halves. A by rows and B by rows: lanes 0 to 15 go down, 16 to 31 are to the right.
  const bool by_halves = f.layout == "row";
  const char* row = by_halves ? "lane % 16" : "lane % 8 + lane / 16 * 8";
  const char* column = by_halves ? "lane / 16 * 8" : "lane / 8 % 2 * 8";
  prelude_.Use("shared_address");
  prelude_.Add(function, StrCat("// 16 x 16 halves for mma.sync.\n__device__ inline void ", function,
                                "(unsigned* f, const void* p, int stride) {\n  const int lane = threadIdx.x % 32;\n",
                                "  const unsigned short* from = (const unsigned short*)p + (", row, ") * stride + ",
                                column, ";\n  asm volatile(\"ldmatrix.sync.aligned.m8n8.x4", trans ? ".trans" : "",
                                ".shared.b16 {%0, %1, %2, %3}, [%4];\"\n      : ", Constraints("f", 4, "=r"),
                                " : \"r\"(shared_address(from)) : \"memory\");\n}\n"));
  return function;
}

// Moves an accumulator, 16 x 16: a lane has two neighbours in a row, in rows eight apart and in both halves of columns.
std::string KernelEmitter::MoveAccumulatorFunction(const Fragment& f, bool load, bool shared) {
  const bool half = f.dtype.bits == 16;
  const bool row = f.layout == "row";
  const std::string function =
      StrCat(load ? "load" : "store", "_c_", f.layout, "_", PtxType(f.dtype), load && shared ? "_shared" : "");
  const char* element = half ? "unsigned short" : "float";
  std::string body;
  for (int i = 0; i < 4; ++i) {
    const std::string at = StrCat(
        "to[", row ? StrCat(i % 2 * 8, " * stride + ", i / 2 * 8) : StrCat(i / 2 * 8, " * stride + ", i % 2 * 8));
    if (row) {
      const char* pair = half ? "unsigned" : "float2";
      const std::string cell = StrCat("*(", pair, "*)&", at, "]");
      if (half) {
        StrAppend(&body, "  ", load ? StrCat("f[", i, "] = ", cell) : StrCat(cell, " = f[", i, "]"), ";\n");
      } else if (load) {
        StrAppend(&body, "  { const float2 two = ", cell, "; f[", 2 * i, "] = two.x; f[", 2 * i + 1, "] = two.y; }\n");
      } else {
        StrAppend(&body, "  ", cell, " = make_float2(f[", 2 * i, "], f[", 2 * i + 1, "]);\n");
      }
      continue;
    }
    const std::string next = StrCat(at, " + stride]"), first = StrCat(at, "]");
    if (half && load) {
      StrAppend(&body, "  f[", i, "] = ", first, " | (unsigned)", next, " << 16;\n");
    } else if (half) {
      StrAppend(&body, "  ", first, " = f[", i, "], ", next, " = f[", i, "] >> 16;\n");
    } else if (load) {
      StrAppend(&body, "  f[", 2 * i, "] = ", first, ", f[", 2 * i + 1, "] = ", next, ";\n");
    } else {
      StrAppend(&body, "  ", first, " = f[", 2 * i, "], ", next, " = f[", 2 * i + 1, "];\n");
    }
  }
  prelude_.Add(
      function,
      StrCat("__device__ inline void ", function, "(", load ? "" : "const ", f.register_type(), "* f, ",
             load ? "const " : "", "void* p, int stride) {\n", "  const int lane = threadIdx.x % 32;\n  ",
             load ? "const " : "", element, "* to = (", load ? "const " : "", element, "*)p + ",
             row ? "lane / 4 * stride + lane % 4 * 2" : "lane % 4 * 2 * stride + lane / 4", ";\n", body, "}\n"));
  return function;
}

// D = A B + C: one instruction a half of the columns.
std::string KernelEmitter::MmaFunction(const Fragment& d, const Fragment& c) {
  const std::string td = PtxType(d.dtype), tc = PtxType(c.dtype);
  const std::string function = StrCat("mma_m16n16k16_", td, "_", tc);
  const int nd = d.registers() / 2, nc = c.registers() / 2;
  std::string body;
  for (int h = 0; h < 2; ++h) {
    const auto list = [&](const char* array, int first, int count, const std::string& constraint) {
      std::string out;
      for (int i = 0; i < count; ++i) {
        StrAppend(&out, i > 0 ? ", " : "", "\"", constraint, "\"(", array, "[", first + i, "])");
      }
      return out;
    };
    StrAppend(&body, "  asm(\"mma.sync.aligned.m16n8k16.row.col.", td, ".f16.f16.", tc, " {", Operands(0, nd), "}, {",
              Operands(nd, 4), "}, {", Operands(nd + 4, 2), "}, {", Operands(nd + 6, nc),
              "};\"\n      : ", list("d", h * nd, nd, StrCat("=", ConstraintOf(d.register_type()))),
              "\n      : ", list("a", 0, 4, "r"), ", ", list("b", 2 * h, 2, "r"), ",\n        ",
              list("c", h * nc, nc, ConstraintOf(c.register_type())), ");\n");
  }
  prelude_.Add(function,
               StrCat("__device__ inline void ", function, "(", d.register_type(),
                      "* d, const unsigned* a, const unsigned* b, const ", c.register_type(), "* c) {\n", body, "}\n"));
  return function;
}

void KernelEmitter::PtxMma(const ir::CallNode* call) {
  const std::string shape = TextArg(call, 0), a_layout = TextArg(call, 1), b_layout = TextArg(call, 2);
  const std::string a = PtxTypeOf(TextArg(call, 3)), b = PtxTypeOf(TextArg(call, 4)), c = PtxTypeOf(TextArg(call, 5));
  int m = 0, n = 0, k = 0;
  if (std::sscanf(shape.c_str(), "m%dn%dk%d", &m, &n, &k) != 3 || a.empty() || b.empty() || c.empty() || c == "f64") {
    return FailUnimplemented(StrCat("ptx_mma of shape \"", shape, "\" and types ", TextArg(call, 3), ", ",
                                    TextArg(call, 4), ", ", TextArg(call, 5)));
  }
  const int na = std::max(1, m * k * BitsOf(a) / 1024), nb = std::max(1, n * k * BitsOf(b) / 1024);
  const int nc = std::max(1, m * n * BitsOf(c) / 1024);
  const std::string c_type = c == "f32" ? "float" : c == "f16" ? "unsigned" : "int";
  const char* cc = ConstraintOf(c_type);
  const bool saturate = ConstArg(call, 12) != 0;
  const std::string function = StrCat("mma_", shape, "_", a_layout, "_", b_layout, "_", c, "_", a, "_", b);
  prelude_.Add(function,
               StrCat("__device__ inline void ", function,
                      "(void* accumulator, const void* factor_a, const void* factor_b) {\n  ", c_type, "* c = (",
                      c_type, "*)accumulator;\n  const unsigned* a = (const unsigned*)factor_a;\n",
                      "  const unsigned* b = (const unsigned*)factor_b;\n  asm(\"mma.sync.aligned.", shape, ".",
                      a_layout, ".", b_layout, saturate && c == "s32" ? ".satfinite" : "", ".", c, ".", a, ".", b, ".",
                      c, "\\n\\t{", Operands(0, nc), "},\\n\\t{", Operands(nc, na), "},\\n\\t{", Operands(nc + na, nb),
                      "},\\n\\t{", Operands(0, nc), "};\"\n      : ", Constraints("c", nc, StrCat("+", cc).c_str()),
                      "\n      : ", Constraints("a", na, "r"), ", ", Constraints("b", nb, "r"), ");\n}\n"));
  const auto at = [&](size_t i) {
    const std::string pointer = PointerExpr(call->args[i]);
    return ir::IsZero(call->args[i + 1]) ? pointer : StrCat(pointer, " + ", Scalar(call->args[i + 1], 12));
  };
  Line(StrCat(function, "(", at(10), ", ", at(6), ", ", at(8), ");"));
}

void KernelEmitter::PtxLdmatrix(const ir::CallNode* call) {
  const bool trans = ConstArg(call, 0) != 0;
  const int count = ConstArg(call, 1);
  if ((count != 1 && count != 2 && count != 4) || TextArg(call, 2) != ".b16") {
    return FailUnimplemented(StrCat("ptx_ldmatrix of ", count, " matrices of ", TextArg(call, 2)));
  }
  const std::string function = StrCat("ldmatrix_x", count, trans ? "_trans" : "");
  prelude_.Use("shared_address");
  prelude_.Add(function, StrCat("__device__ inline void ", function, "(void* to, const void* from) {\n",
                                "  unsigned* r = (unsigned*)to;\n  asm volatile(\"ldmatrix.sync.aligned.m8n8.x", count,
                                trans ? ".trans" : "", ".shared.b16 {", Operands(0, count), "}, [%", count,
                                "];\"\n      : ", Constraints("r", count, "=r"),
                                " : \"r\"(shared_address(from)) : \"memory\");\n}\n"));
  const auto at = [&](size_t i) {
    const std::string pointer = PointerExpr(call->args[i]);
    return ir::IsZero(call->args[i + 1]) ? pointer : StrCat(pointer, " + ", Scalar(call->args[i + 1], 12));
  };
  Line(StrCat(function, "(", at(3), ", ", at(5), ");"));
}

// (shared pointer, offset, global pointer, offset, bytes[, predicate])
void KernelEmitter::PtxCpAsync(const ir::CallNode* call) {
  const int bytes = ConstArg(call, 4);
  if (bytes != 4 && bytes != 8 && bytes != 16) {
    return FailUnimplemented(StrCat("an asynchronous copy of ", bytes, " bytes"));
  }
  const std::string helper = StrCat("cp_async_", bytes);
  prelude_.Use(helper);
  const std::string to = StrCat(PointerExpr(call->args[0]), " + ", Scalar(call->args[1], 12));
  const std::string first = PointerExpr(call->args[2]);
  const std::string from = StrCat(first, " + ", Scalar(call->args[3], 12));
  if (call->args.size() > 5) {
    const std::string wanted = Scalar(call->args[5], 2);
    return Line(StrCat(helper, "(", to, ", ", wanted, " ? ", from, " : ", first, ", ", wanted, ");"));
  }
  Line(StrCat(helper, "(", to, ", ", from, ");"));
}

// (m, n, destination, source, source offset, destination stride): a 16 x 16 tile from the registers of a warp.
void KernelEmitter::MmaStore(const ir::CallNode* call) {
  if (ConstArg(call, 0) != 16 || ConstArg(call, 1) != 16 || thread_names_.count("threadIdx.x") == 0) {
    return FailUnimplemented("mma_store of another tile than 16 x 16");
  }
  const std::string i = NewName("r"), lane = thread_names_["threadIdx.x"];
  Line("#pragma unroll");
  Line(StrCat("for (int ", i, " = 0; ", i, " < 8; ++", i, ") {"));
  Line(StrCat("  ", PointerExpr(call->args[2]), "[(", i, " % 4 / 2 * 8 + ", lane, " % 32 / 4) * ",
              Scalar(call->args[5], 13), " + ", i, " / 4 * 8 + ", lane, " % 4 * 2 + ", i,
              " % 2] = ", PointerExpr(call->args[3]), "[", Scalar(call->args[4], 11), " + ", i, "];"));
  Line("}");
}

// (registers, pointer, offset)
void KernelEmitter::MmaFill(const ir::CallNode* call) {
  const std::string i = NewName("r");
  const auto* data = call->args[1].as<ir::VarNode>();
  const auto it = data != nullptr ? pointers_.find(data) : pointers_.end();
  if (it == pointers_.end()) return FailUnimplemented("mma_fill of something that is no buffer");
  Line("#pragma unroll");
  Line(StrCat("for (int ", i, " = 0; ", i, " < ", Scalar(call->args[0]), "; ++", i, ") ", it->second.name, "[",
              Scalar(call->args[2], 11), " + ", i, "] = ", TypeName(it->second.dtype), "(0);"));
}

}  // namespace hone::codegen
