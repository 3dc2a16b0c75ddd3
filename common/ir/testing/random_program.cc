#include "common/ir/testing/random_program.h"

#include <algorithm>
#include <vector>

#include "common/script/parser.h"
#include "common/support/check.h"
#include "common/support/strings.h"

namespace hone::ir::testing {
namespace {

struct Source {
  std::string name;
  std::vector<int64_t> shape;
};

struct Iter {
  std::string name;
  int64_t extent;
  bool reduce;
};

class Generator {
 public:
  Generator(CounterRandom& random, const RandomProgramOptions& options) : random_(random), options_(options) {}

  std::string Script();

 private:
  bool Chance(int percent) { return static_cast<int>(random_.Below(100)) < percent; }
  int64_t Between(int64_t low, int64_t high) { return random_.Between(low, high); }
  template <typename T>
  const T& Pick(const std::vector<T>& items) {
    return items[random_.Below(items.size())];
  }

  std::vector<int64_t> Shape();
  static std::string ShapeText(const std::vector<int64_t>& shape);
  // An index in [0, extent) from the iterators, each of which ranges over its extent.
  std::string Index(int64_t extent);
  std::string Load(const Source& source);
  std::string Constant();
  std::string Number(int64_t value) { return StrCat("T.", dtype_, "(", value, ")"); }
  // Of the other branch of a guarded load.
  std::string Zero() { return dtype_ == "int32" ? "0" : is_integer_ ? Number(0) : StrCat("T.", dtype_, "(0.0)"); }
  std::string Value(const Source& must, int depth);
  void Stage(const std::string& name, const Source* previous, bool last);
  void Loops(std::vector<std::string>* bindings, std::string* where, int* indent);
  void Line(int level, const std::string& text) {
    text_.append(static_cast<size_t>(level) * 4, ' ');
    text_ += text + "\n";
  }

  CounterRandom& random_;
  const RandomProgramOptions options_;
  std::string dtype_;
  bool is_integer_ = false;
  std::vector<Source> sources_;
  std::vector<Iter> iters_;
  std::string text_;
};

std::vector<int64_t> Generator::Shape() {
  std::vector<int64_t> shape(static_cast<size_t>(Between(1, 3)));
  for (int64_t& dim : shape) dim = Chance(10) ? 1 : Between(2, options_.max_extent);
  return shape;
}

std::string Generator::ShapeText(const std::vector<int64_t>& shape) {
  std::string out = "(";
  for (const int64_t dim : shape) StrAppend(&out, dim, ", ");
  return out + ")";
}

std::string Generator::Constant() {
  if (is_integer_) return StrCat("T.", dtype_, "(", Between(-3, 5), ")");
  return StrCat("T.", dtype_, "(", Between(-4, 8), ".", Chance(50) ? 5 : 25, ")");
}

std::string Generator::Index(int64_t extent) {
  std::vector<std::string> options;
  for (const Iter& a : iters_) {
    if (a.extent <= extent) {
      options.push_back(a.name);
      options.push_back(a.name);
      options.push_back(a.name);
      if (Chance(20)) options.push_back(StrCat(extent - 1, " - ", a.name));
    } else if (Chance(50)) {
      options.push_back(StrCat(a.name, " % ", extent));
      options.push_back(StrCat(a.name, " // ", (a.extent + extent - 1) / extent));
    }
    for (const Iter& b : iters_) {
      if (a.name == b.name) continue;
      if (a.extent + b.extent - 1 <= extent) options.push_back(StrCat(a.name, " + ", b.name));
      if (2 * (a.extent - 1) + b.extent <= extent) options.push_back(StrCat(a.name, " * 2 + ", b.name));
      if (a.extent * b.extent <= extent) options.push_back(StrCat(a.name, " * ", b.extent, " + ", b.name));
    }
  }
  if (options.empty() || Chance(5)) return StrCat(Between(0, extent - 1));
  return Pick(options);
}

std::string Generator::Load(const Source& source) {
  std::vector<std::string> indices;
  std::string guard;
  for (const int64_t dim : source.shape) {
    // Zero padding at both ends: the iterator runs one beyond the dimension on the left or right.
    const Iter& iter = Pick(iters_);
    if (Chance(8) && guard.empty() && iter.extent > 1) {
      guard = StrCat("1 <= ", iter.name, " and ", iter.name, " < ", std::min(dim, iter.extent) + 1);
      indices.push_back(iter.name + " - 1");
      continue;
    }
    indices.push_back(Index(dim));
  }
  std::string load = source.name + "[";
  for (size_t i = 0; i < indices.size(); ++i) StrAppend(&load, i > 0 ? ", " : "", indices[i]);
  load += "]";
  if (guard.empty()) return load;
  return StrCat("T.if_then_else(", guard, ", ", load, ", ", Zero(), ")");
}

std::string Generator::Value(const Source& must, int depth) {
  const std::string first = Load(must);
  if (depth == 0) return first;
  const std::string second = Chance(60) ? Load(Pick(sources_)) : Constant();
  switch (random_.Below(6)) {
    case 0:
      return StrCat("(", first, " + ", second, ")");
    case 1:
      return StrCat("(", first, " - ", second, ")");
    case 2:
      return StrCat("T.max(", first, ", ", second, ")");
    case 3:
      return StrCat("T.min(", Value(must, depth - 1), ", ", second, ")");
    case 4:
      return StrCat("T.Select(", first, " < ", second, ", ", second, ", ", first, ")");
    default:
      // Scaled down, so that chains of products stay small.
      if (is_integer_) return StrCat("(", first, " * ", second, ") % ", dtype_ == "int32" ? "101" : Number(101));
      return StrCat("(", first, " * ", second, " * T.", dtype_, "(0.125))");
  }
}

// Loops over all iterators in some order; a dimension may be split into two loops.
void Generator::Loops(std::vector<std::string>* bindings, std::string* where, int* indent) {
  struct Loop {
    std::string name;
    int64_t extent;
    int64_t begin = 0;
  };
  std::vector<std::vector<Loop>> nests;
  for (const Iter& iter : iters_) {
    const std::string base = iter.name.substr(1);
    if (iter.extent > 3 && Chance(15)) {
      const int64_t inner = Between(2, iter.extent - 1);
      const int64_t outer = (iter.extent + inner - 1) / inner;
      const bool exact = outer * inner == iter.extent;
      if (exact || options_.predicates) {
        nests.push_back({{base + "_0", outer}, {base + "_1", inner}});
        const std::string value = StrCat(base, "_0 * ", inner, " + ", base, "_1");
        bindings->push_back(value);
        if (!exact) StrAppend(where, where->empty() ? "" : " and ", value, " < ", iter.extent);
        continue;
      }
    }
    if (options_.shifted_loops && Chance(8)) {
      const int64_t begin = Between(1, 4);
      nests.push_back({{base, iter.extent, begin}});
      bindings->push_back(StrCat(base, " - ", begin));
      continue;
    }
    nests.push_back({{base, iter.extent}});
    bindings->push_back(base);
  }
  if (Chance(25)) {
    for (size_t i = nests.size(); i > 1; --i) std::swap(nests[i - 1], nests[random_.Below(i)]);
  }
  for (const auto& nest : nests) {
    for (const Loop& loop : nest) {
      const std::string begin = loop.begin != 0 ? StrCat(loop.begin, ", ") : "";
      Line((*indent)++, StrCat("for ", loop.name, " in range(", begin, loop.begin + loop.extent, "):"));
    }
  }
}

void Generator::Stage(const std::string& name, const Source* previous, bool last) {
  iters_.clear();
  const Source must = previous != nullptr ? *previous : Pick(sources_);
  // Output dimensions are mostly those of what is read, in some order.
  std::vector<int64_t> shape = Chance(70) ? must.shape : Shape();
  if (Chance(25)) std::reverse(shape.begin(), shape.end());
  if (shape.size() > 1 && Chance(20)) shape.pop_back();
  for (size_t i = 0; i < shape.size(); ++i) iters_.push_back({StrCat("vi", i), shape[i], false});
  const bool reduction = Chance(45);
  if (reduction) {
    const int64_t axes = Chance(25) ? 2 : 1;
    for (int64_t i = 0; i < axes; ++i) {
      const int64_t extent = Chance(60) ? std::max<int64_t>(2, Pick(must.shape)) : Between(2, 4);
      iters_.push_back({StrCat("vk", i), extent, true});
    }
  }
  if (!last) Line(1, StrCat(name, " = T.alloc_buffer(", ShapeText(shape), ", \"", dtype_, "\")"));
  std::vector<std::string> bindings;
  std::string where;
  int indent = 1;
  Loops(&bindings, &where, &indent);
  Line(indent++, StrCat("with T.block(\"", name, "\"):"));
  for (size_t i = 0; i < iters_.size(); ++i) {
    const Iter& iter = iters_[i];
    Line(indent,
         StrCat(iter.name, " = T.axis.", iter.reduce ? "reduce" : "spatial", "(", iter.extent, ", ", bindings[i], ")"));
  }
  if (!where.empty()) Line(indent, StrCat("T.where(", where, ")"));
  std::string place = name + "[";
  for (size_t i = 0; i < shape.size(); ++i) StrAppend(&place, i > 0 ? ", " : "", "vi", i);
  place += "]";
  const std::string value = Value(must, static_cast<int>(Between(0, 2)));
  if (!reduction) {
    Line(indent, StrCat(place, " = ", value));
  } else {
    const bool maximum = Chance(25);
    std::string identity = is_integer_ ? Number(0) : StrCat("T.", dtype_, "(0.0)");
    if (maximum) {
      const bool narrow = dtype_ == "int16" || dtype_ == "float16";
      identity = StrCat("T.", dtype_, "(", narrow ? "-30000" : "-1000000", is_integer_ ? ")" : ".0)");
    }
    Line(indent, "with T.init():");
    Line(indent + 1, StrCat(place, " = ", identity));
    const std::string term = is_integer_ ? StrCat("(", value, ") % ", dtype_ == "int32" ? "53" : Number(53)) : value;
    Line(indent,
         maximum ? StrCat(place, " = T.max(", place, ", ", term, ")") : StrCat(place, " = ", place, " + ", term));
  }
  sources_.push_back({name, shape});
}

std::string Generator::Script() {
  dtype_ = options_.integers && Chance(30) ? "int32" : "float32";
  if (options_.all_dtypes && Chance(40)) {
    dtype_ = Pick(std::vector<std::string>{"float16", "float64", "int16", "int64"});
    if (!options_.integers && dtype_[0] == 'i') dtype_ = "float64";
  }
  is_integer_ = dtype_[0] == 'i';
  std::string params;
  const int64_t inputs = Between(1, 3);
  for (int64_t i = 0; i < inputs; ++i) {
    sources_.push_back({StrCat("in", i), Shape()});
    StrAppend(&params, "in", i, ": T.Buffer(", ShapeText(sources_.back().shape), ", \"", dtype_, "\"), ");
  }
  const int64_t stages = Between(1, options_.max_stages);
  for (int64_t i = 0; i + 1 < stages; ++i) {
    const Source* previous = i > 0 ? &sources_.back() : nullptr;
    const Source copy = previous != nullptr ? *previous : Source{};
    Stage(StrCat("s", i), previous != nullptr ? &copy : nullptr, /*last=*/false);
  }
  const Source before_last = sources_.back();
  Stage("out", stages > 1 ? &before_last : nullptr, /*last=*/true);
  StrAppend(&params, "out: T.Buffer(", ShapeText(sources_.back().shape), ", \"", dtype_, "\")");
  return StrCat("@T.prim_func\ndef main(", params, "):\n    T.func_attr({\"tir.noalias\": True})\n", text_);
}

}  // namespace

std::string RandomScript(CounterRandom& random, const RandomProgramOptions& options) {
  return Generator(random, options).Script();
}

IRModule RandomProgram(CounterRandom& random, const RandomProgramOptions& options) {
  const std::string script = RandomScript(random, options);
  auto module = script::ParseModule(script, {.file_name = "random program", .check_well_formed = true});
  HONE_CHECK(module.ok()) << std::string(module.status().message()) << "\n" << script;
  return *std::move(module);
}

}  // namespace hone::ir::testing
