// Buffers: declarations, views, constants and the methods of a buffer.
#include <cmath>
#include <cstring>

#include "common/ir/ops.h"
#include "common/script/builder.h"
#include "common/script/half.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::script {
namespace {

using ir::Buffer;
using ir::DataType;
using ir::Expr;

constexpr int64_t kMaxConstElems = 1 << 24;

}  // namespace

Builder::Or<Buffer> Builder::DeclareBuffer(const BufferArguments& b, Position at) {
  HONE_ASSIGN_OR_RETURN(const std::vector<Expr> shape, ToShape(b.shape, at));
  DataType dtype = ir::kFloat32;
  if (!b.dtype.is_none()) {
    HONE_ASSIGN_OR_RETURN(dtype, ToDtype(b.dtype, at));
  }
  std::string_view scope = "global";
  if (!b.scope.is_none()) {
    HONE_ASSIGN_OR_RETURN(scope, ToString(b.scope, at, "the scope of a buffer"));
  }
  ir::Var data;
  if (b.data.is_none()) {
    const DataType stored = dtype.is_bool() ? DataType::Int(8) : dtype;
    data = ir::MakeVar("buffer", ir::PointerType(stored, scope));
    own_data_.insert(data.get());
  } else {
    HONE_ASSIGN_OR_RETURN(data, ToVar(b.data, at, "data of a buffer"));
    if (data->type->kind != ir::TypeKind::kPointer) {
      // An opaque handle: the buffer says what it points to.
      if (!data.dtype().is_handle()) {
        return Error(at, StrCat("data of a buffer must be a pointer, not ", data.dtype().ToString(true)));
      }
    }
  }
  std::vector<Expr> strides;
  const DataType index = shape.empty() ? ir::kInt32 : shape[0].dtype();
  if (!b.strides.is_none()) {
    if (!b.strides.is_sequence()) return Error(at, "strides must be a list or tuple");
    for (const Value& item : b.strides.items()) {
      if (item.kind == ValueKind::kString) {
        strides.push_back(ir::MakeVar(item.text, index));
        named_vars_.insert(strides.back().as<ir::VarNode>());
        continue;
      }
      HONE_ASSIGN_OR_RETURN(const Expr stride, ToIndex(item, at));
      strides.push_back(stride);
    }
  }
  int64_t align = 0;
  int64_t offset_factor = 0;
  if (!b.align.is_none()) {
    HONE_ASSIGN_OR_RETURN(align, ToInt(b.align, at, "align"));
  }
  if (!b.offset_factor.is_none()) {
    HONE_ASSIGN_OR_RETURN(offset_factor, ToInt(b.offset_factor, at, "offset_factor"));
  }
  if (align < -1 || align > (1 << 20) || offset_factor < 0 || offset_factor > (1 << 30)) {
    return Error(at, "align or offset_factor is out of range");
  }
  Expr elem_offset;
  if (!b.elem_offset.is_none()) {
    HONE_ASSIGN_OR_RETURN(elem_offset, ToIndex(b.elem_offset, at, index));
  } else if (offset_factor != 0) {
    const ir::Var offset = ir::MakeVar("elem_offset", index);
    named_vars_.insert(offset.get());
    elem_offset = offset;
  }
  ir::BufferType type = ir::BufferType::kDefault;
  if (!b.buffer_type.is_none()) {
    HONE_ASSIGN_OR_RETURN(const std::string_view word, ToString(b.buffer_type, at, "buffer_type"));
    if (word == "auto" || word == "auto_broadcast") {
      type = ir::BufferType::kAutoBroadcast;
    } else if (word != "default" && !word.empty()) {
      return Error(at, StrCat("buffer_type is \"default\" or \"auto\", not \"", word, "\""));
    }
  }
  if (type == ir::BufferType::kAutoBroadcast && strides.empty()) {
    for (size_t i = 0; i < shape.size(); ++i) strides.push_back(ir::MakeVar("stride", shape[i].dtype()));
  }
  std::vector<Expr> separators;
  if (!b.axis_separators.is_none()) {
    if (!b.axis_separators.is_sequence()) return Error(at, "axis_separators must be a list");
    int64_t previous = 0;
    for (const Value& item : b.axis_separators.items()) {
      HONE_ASSIGN_OR_RETURN(const int64_t position, ToInt(item, at, "an axis separator"));
      if (position < previous || position > static_cast<int64_t>(shape.size())) {
        return Error(
            at, StrCat("axis separator ", position, " is not increasing or beyond the ", shape.size(), " dimensions"));
      }
      previous = position;
      separators.push_back(ir::Int32(position));
    }
  }
  auto give_meaning = [&](Expr e) {
    if (const auto* var = e.as<ir::VarNode>()) bare_vars_.erase(var);
  };
  for (const Expr e : shape) give_meaning(e);
  for (const Expr e : strides) give_meaning(e);
  if (elem_offset) give_meaning(elem_offset);
  return ir::MakeBuffer(data, dtype, ir::MakeArray(shape), ir::MakeArray(strides), elem_offset, "buffer",
                        static_cast<int>(align), static_cast<int>(offset_factor), type, ir::MakeArray(separators));
}

Builder::Or<Value> Builder::MatchBuffer(const Arguments& args) {
  HONE_ASSIGN_OR_RETURN(auto v, Bind(args,
                                     {"param", "shape", "dtype", "data", "strides", "elem_offset", "scope", "align",
                                      "offset_factor", "buffer_type", "axis_separators"},
                                     1));
  if (frames_.empty()) return Error(args.at, "T.match_buffer must stand in a function");
  Frame* frame = frames_.back();
  if (v[0].kind == ValueKind::kExpr && v[0].expr().as<ir::VarNode>() != nullptr) {
    if (frame->kind != FrameKind::kFunction) {
      return Error(args.at, "T.match_buffer of a parameter must stand directly in a function");
    }
    if (v[1].is_none()) return Error(args.at, "T.match_buffer of a parameter needs a shape");
    const ir::Var param(v[0].expr().as<ir::VarNode>());
    bool known = false;
    for (const ir::Var p : frame->params) known = known || p == param;
    if (!known) return Error(args.at, StrCat("\"", param.name(), "\" is no parameter of the function"));
    for (const ir::BufferBinding& binding : frame->buffer_map) {
      if (binding.param == param) {
        return Error(args.at, StrCat("the parameter \"", param.name(), "\" has a buffer already"));
      }
    }
    HONE_ASSIGN_OR_RETURN(const Buffer buffer,
                          DeclareBuffer({v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10]}, args.at));
    // The map is in the order of the parameters.
    size_t at = 0;
    for (const ir::Var p : frame->params) {
      if (p == param) break;
      if (at < frame->buffer_map.size() && frame->buffer_map[at].param == p) ++at;
    }
    frame->buffer_map.insert(frame->buffer_map.begin() + static_cast<ptrdiff_t>(at), {param, buffer});
    return Value::Of(buffer);
  }
  HONE_ASSIGN_OR_RETURN(const ir::BufferRegion source, ToRegion(v[0], args.at));
  if (frame->kind != FrameKind::kBlock) {
    return Error(args.at, "T.match_buffer of a region must stand directly in a block");
  }
  if (v[1].is_none()) {
    std::vector<Value> shape;
    for (const ir::Range& range : source->region) shape.push_back(Value::Of(range.extent));
    v[1] = Sequence(shape);
  }
  HONE_ASSIGN_OR_RETURN(const Buffer buffer,
                        DeclareBuffer({v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10]}, args.at));
  const Buffer from = source->buffer;
  auto mismatch = [&](std::string_view what) {
    return Error(args.at, StrCat("the view and its source \"", from->name, "\" have another ", what));
  };
  if (!(buffer->dtype == from->dtype)) return mismatch("data type");
  if (buffer->scope() != from->scope()) return mismatch("scope");
  if (from->data_alignment % buffer->data_alignment != 0) return mismatch("alignment");
  if (source->region.size() < buffer->shape.size()) return mismatch("number of dimensions");
  const size_t extra = source->region.size() - buffer->shape.size();
  for (size_t i = 0; i < source->region.size(); ++i) {
    const int64_t* extent = ir::ConstInt(source->region[i].extent);
    const int64_t* dim = i < extra ? nullptr : ir::ConstInt(buffer->shape[i - extra]);
    const int64_t one = 1;
    if (i < extra) dim = &one;
    if (extent != nullptr && dim != nullptr && *extent != *dim) return mismatch("extent");
  }
  frame->match_buffers.push_back(ir::MakeMatchBufferRegion(buffer, source));
  return Value::Of(buffer);
}

Builder::Or<Value> Builder::CallBufferFunction(std::string_view name, const Arguments& args, bool* found) {
  *found = true;
  if (name == "match_buffer") return MatchBuffer(args);
  if (name == "Buffer" || name == "buffer_decl" || name == "decl_buffer" || name == "buffer") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args,
                                             {"shape", "dtype", "data", "strides", "elem_offset", "scope", "align",
                                              "offset_factor", "buffer_type", "axis_separators"},
                                             1));
    HONE_ASSIGN_OR_RETURN(const Buffer buffer,
                          DeclareBuffer({v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9]}, args.at));
    if (name != "decl_buffer") return Value::Of(buffer);
    Frame* frame = NewFrame(FrameKind::kDeclBuffer, args.at);
    frame->buffer = buffer;
    frame->allocates = v[2].is_none();
    return Value::Of(frame);
  }
  if (name == "alloc_buffer" || name == "sblock_alloc_buffer") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args,
                                             {"shape", "dtype", "data", "strides", "elem_offset", "scope", "align",
                                              "offset_factor", "buffer_type", "axis_separators"},
                                             1));
    HONE_ASSIGN_OR_RETURN(const Buffer buffer,
                          DeclareBuffer({v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9]}, args.at));
    Frame* frame = frames_.empty() ? nullptr : frames_.back();
    if (frame == nullptr || (frame->kind != FrameKind::kBlock && frame->kind != FrameKind::kFunction)) {
      return Error(args.at, "T.alloc_buffer must stand directly in a block or in the function");
    }
    frame->alloc_buffers.push_back(buffer);
    return Value::Of(buffer);
  }
  *found = false;
  return Value::None();
}

Builder::Or<Value> Builder::AccessPtr(Buffer buffer, const Arguments& args) {
  HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"access_mask", "ptr_type", "content_lanes", "offset", "extent"}, 1));
  int64_t mask = 0;
  if (v[0].kind == ValueKind::kString) {
    for (const char c : v[0].text) {
      if (c == 'r') mask |= 1;
      if (c == 'w') mask |= 2;
    }
  } else {
    HONE_ASSIGN_OR_RETURN(mask, ToInt(v[0], args.at, "access_mask"));
  }
  if (!v[1].is_none() || !v[2].is_none()) return Error(args.at, "access_ptr takes no ptr_type and content_lanes here");
  Expr offset = buffer->elem_offset;
  if (!v[3].is_none()) {
    HONE_ASSIGN_OR_RETURN(const Expr more, ToIndex(v[3], args.at, offset.dtype()));
    offset = ir::Add(offset, more);
  }
  Expr extent;
  if (!v[4].is_none()) {
    HONE_ASSIGN_OR_RETURN(extent, ToIndex(v[4], args.at));
  } else if (!buffer->strides.empty()) {
    extent = ir::Mul(buffer->strides[0], buffer->shape[0]);
  } else {
    extent = ir::Int32(1);
    for (const Expr dim : buffer->shape) extent = ir::Mul(extent, dim);
    if (!v[3].is_none()) extent = ir::Sub(extent, offset);
  }
  const Expr type = ir::MakeCall(buffer->dtype.element(), ir::Builtin::type_annotation, {});
  return Value::Of(ir::MakeCall(DataType::Handle(), ir::Builtin::tvm_access_ptr,
                                {type, buffer->data, offset, extent, ir::Int32(mask)}));
}

Builder::Or<Value> Builder::CallMethod(const Value& method, const Arguments& args) {
  const Value& self = *static_cast<const Value*>(method.pointer);
  const std::string_view name = method.text;
  if (name == "astype") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"dtype"}, 1));
    HONE_ASSIGN_OR_RETURN(const DataType dtype, ToDtype(v[0], args.at));
    Arguments cast{args.at, "cast", {self, Value::String(ir::CopyString(dtype.ToString()))}, {}};
    return CallTir("cast", cast);
  }
  const Buffer buffer = self.buffer();
  if (name == "scope") return Value::String(buffer->scope());
  if (name == "access_ptr") return AccessPtr(buffer, args);
  auto indices_of = [&](const Value& v) { return v.is_sequence() ? v : Sequence({v}); };
  auto predicate_of = [&](const Value& v) -> Or<Expr> {
    if (v.is_none()) return Expr();
    if (v.kind == ValueKind::kBool) return Expr(ir::BoolImm(v.integer != 0));
    return ToExpr(v, args.at);
  };
  if (name == "vload") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"begin", "dtype", "predicate"}, 1));
    HONE_ASSIGN_OR_RETURN(const Expr predicate, predicate_of(v[2]));
    HONE_ASSIGN_OR_RETURN(Expr load, ToLoad({buffer, indices_of(v[0]).items()}, predicate, args.at));
    if (!v[1].is_none()) {  // A scalar last index is the first of as many elements as the dtype has lanes.
      HONE_ASSIGN_OR_RETURN(const DataType dtype, ToDtype(v[1], args.at));
      const auto* node = load.as<ir::BufferLoadNode>();
      const int lanes = dtype.is_scalable() ? 1 : dtype.lanes / buffer->dtype.lanes;
      if (lanes > 1 && !node->indices.empty() && node->indices.back().dtype().is_scalar()) {
        std::vector<Expr> indices(node->indices.begin(), node->indices.end());
        indices.back() = ir::MakeRamp(indices.back(), ir::IntImm(indices.back().dtype(), 1), lanes);
        load = ir::MakeBufferLoad(buffer, ir::MakeArray(indices), predicate);
      }
    }
    return Value::Of(load);
  }
  if (name == "vstore") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"begin", "value", "predicate"}, 2));
    HONE_ASSIGN_OR_RETURN(const Expr predicate, predicate_of(v[2]));
    if (frames_.empty()) return Error(args.at, "vstore must stand in a function");
    HONE_RETURN_IF_ERROR(StoreTo(buffer, indices_of(v[0]).items(), v[1], predicate, args.at));
    return Value::None();
  }
  if (name == "offset_of") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"indices"}, 1));
    HONE_ASSIGN_OR_RETURN(const Expr place, ToLoad({buffer, indices_of(v[0]).items()}, {}, args.at));
    const auto* load = place.as<ir::BufferLoadNode>();
    Expr offset;
    for (size_t i = 0; i < load->indices.size(); ++i) {
      if (!buffer->strides.empty()) {
        const Expr term = ir::Mul(load->indices[i], buffer->strides[i]);
        offset = offset ? ir::Add(offset, term) : term;
      } else {
        offset = offset ? ir::Add(ir::Mul(offset, buffer->shape[i]), load->indices[i]) : load->indices[i];
      }
    }
    offset = offset ? ir::Add(offset, buffer->elem_offset) : buffer->elem_offset;
    return Sequence({Value::Of(offset)});
  }
  return Error(args.at, StrCat("'", name, "' is not supported"));
}

namespace {

// Appends the numbers of a nested list in row-major order.
bool Flatten(const Value& value, std::vector<Value>& out) {
  if (value.is_number()) {
    if (out.size() >= static_cast<size_t>(kMaxConstElems)) return false;
    out.push_back(value);
    return true;
  }
  if (!value.is_sequence()) return false;
  for (const Value& item : value.items()) {
    if (!Flatten(item, out)) return false;
  }
  return true;
}

template <typename T>
void AppendAs(T value, std::string& bytes) {
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof(T));
  bytes.append(raw, sizeof(T));
}

// False for an element type that has no in-memory number here.
bool AppendElement(DataType dtype, const Value& v, std::string& bytes) {
  const double number = v.kind == ValueKind::kFloat ? v.number : static_cast<double>(v.integer);
  if (dtype == DataType::Float(64)) {
    AppendAs(number, bytes);
  } else if (dtype == ir::kFloat32) {
    AppendAs(static_cast<float>(number), bytes);
  } else if (dtype == DataType::Float(16)) {
    AppendAs(HalfFromDouble(number), bytes);
  } else if ((dtype.is_int() || dtype.is_uint()) && v.kind != ValueKind::kFloat) {
    switch (dtype.bits) {
      case 1:
      case 8:
        AppendAs(static_cast<int8_t>(v.integer), bytes);
        break;
      case 16:
        AppendAs(static_cast<int16_t>(v.integer), bytes);
        break;
      case 32:
        AppendAs(static_cast<int32_t>(v.integer), bytes);
        break;
      case 64:
        AppendAs(v.integer, bytes);
        break;
      default:
        return false;
    }
  } else {
    return false;
  }
  return true;
}

}  // namespace

Builder::Or<Value> Builder::AllocateConst(const Arguments& args) {
  HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"data", "dtype", "extents", "annotations"}, 3));
  Frame* frame = NewFrame(FrameKind::kAllocateConst, args.at);
  HONE_ASSIGN_OR_RETURN(frame->dtype, ToDtype(v[1], args.at));
  HONE_ASSIGN_OR_RETURN(frame->extents, ToShape(v[2], args.at));
  HONE_ASSIGN_OR_RETURN(frame->annotations, ToAttrs(v[3], args.at));
  std::vector<int64_t> shape;
  int64_t count = 1;
  for (const Expr extent : frame->extents) {
    const int64_t* dim = ir::ConstInt(extent);
    if (dim == nullptr || *dim < 0 || (*dim > 0 && count > kMaxConstElems / *dim)) {
      return Error(args.at, "the extents of T.allocate_const must be constant and not too large");
    }
    count *= *dim;
    shape.push_back(*dim);
  }
  std::vector<Value> numbers;
  if (!Flatten(v[0], numbers)) return Error(args.at, "the data of T.allocate_const must be numbers");
  if (static_cast<int64_t>(numbers.size()) != count) {
    return Error(args.at, StrCat("T.allocate_const has ", numbers.size(), " numbers for ", count, " elements"));
  }
  std::string bytes;
  for (const Value& number : numbers) {
    if (!AppendElement(frame->dtype, number, bytes)) {
      return Error(args.at, StrCat("a number of the data does not fit type ", frame->dtype.ToString()));
    }
  }
  frame->data = ir::NDArray(frame->dtype, ir::MakeArray(shape), bytes);
  frame->vars = {ir::MakeVar("v", ir::PointerType(frame->dtype, ""))};
  return Value::Of(frame);
}

}  // namespace hone::script
