#include "common/interp/interpreter.h"

#include "common/interp/program.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::interp {
namespace {

using ir::IRModule;
using ir::PrimFunc;

absl::Status ToStatus(const Stop& stop) {
  switch (stop.kind) {
    case Stop::Kind::kOutOfRange:
      return absl::OutOfRangeError(stop.what());
    case Stop::Kind::kUnimplemented:
      return absl::UnimplementedError(StrCat("the interpreter does not know ", stop.what()));
    case Stop::Kind::kInvalid:
      return absl::InvalidArgumentError(stop.what());
    case Stop::Kind::kLimit:
      return absl::ResourceExhaustedError(stop.what());
  }
  return absl::InternalError(stop.what());
}

absl::Status BindArgs(const Program& program, absl::Span<Tensor> args, std::vector<Memory>& memories, Frame& frame) {
  if (args.size() != program.params.size()) {
    return absl::InvalidArgumentError(StrCat("got ", args.size(), " arguments, expected ", program.params.size()));
  }
  for (size_t i = 0; i < args.size(); ++i) {
    const CompiledParam& param = program.params[i];
    Tensor& arg = args[i];
    if (arg.dtype != param.dtype) {
      return absl::InvalidArgumentError(
          StrCat("argument ", i, " is ", arg.dtype.ToString(), ", expected ", param.dtype.ToString()));
    }
    if (!param.is_buffer) {
      if (param.dtype.is_handle()) return absl::InvalidArgumentError(StrCat("argument ", i, " is a raw pointer"));
      if (param.dtype.is_any_float()) {
        frame.scalars[param.slot].f = arg.At(0);
      } else {
        frame.scalars[param.slot].i = LoadInt(param.dtype, arg.bytes.data());
      }
      continue;
    }
    if (arg.shape.size() != param.shape.size()) {
      return absl::InvalidArgumentError(
          StrCat("argument ", i, " has ", arg.shape.size(), " dimensions, expected ", param.shape.size()));
    }
    for (size_t d = 0; d < arg.shape.size(); ++d) {
      if (param.shape_slots[d] >= 0) {
        frame.scalars[param.shape_slots[d]].i = arg.shape[d];
      } else if (param.shape[d] != arg.shape[d]) {
        return absl::InvalidArgumentError(
            StrCat("dimension ", d, " of argument ", i, " is ", arg.shape[d], ", expected ", param.shape[d]));
      }
    }
    memories[i].data = arg.bytes.data();
    memories[i].bytes = static_cast<int64_t>(arg.bytes.size());
    memories[i].row_elements = arg.shape.size() > 1 ? arg.shape.back() : 0;
    frame.pointers[param.slot] = {&memories[i], 0};
  }
  return absl::OkStatus();
}

absl::Status RunFunction(const IRModule& module, PrimFunc function, absl::Span<Tensor> args, const Options& options) {
  try {
    const std::unique_ptr<Program> program = CompileFunction(module, function);
    Frame frame;
    frame.scalars.resize(program->num_scalars);
    frame.pointers.resize(program->num_pointers);
    std::vector<Memory> memories(args.size());
    for (auto [slot, value] : program->defaults) frame.scalars[slot].i = value;
    HONE_RETURN_IF_ERROR(BindArgs(*program, args, memories, frame));
    int64_t steps = 0;
    frame.steps = &steps;
    frame.max_steps = options.max_steps;
    program->body->Run(frame);
  } catch (const Stop& stop) {
    return ToStatus(stop);
  }
  return absl::OkStatus();
}

absl::StatusOr<PrimFunc> EntryOf(const IRModule& module) {
  const ir::ModuleEntry* entry = module.Entry();
  if (entry == nullptr) return absl::InvalidArgumentError("the module has no entry function");
  return ir::As<ir::PrimFuncNode>(entry->function);
}

}  // namespace

absl::Status Interpret(const IRModule& module, std::string_view function, absl::Span<Tensor> args,
                       const Options& options) {
  const PrimFunc func = module.FindPrimFunc(function);
  if (func == nullptr) return absl::NotFoundError(StrCat("no function \"", function, "\" in the module"));
  return RunFunction(module, func, args, options);
}

absl::Status Interpret(const IRModule& module, absl::Span<Tensor> args, const Options& options) {
  HONE_ASSIGN_OR_RETURN(const PrimFunc func, EntryOf(module));
  return RunFunction(module, func, args, options);
}

absl::StatusOr<std::vector<Tensor>> RandomArgs(const IRModule& module, uint64_t seed) {
  HONE_ASSIGN_OR_RETURN(const PrimFunc func, EntryOf(module));
  std::vector<Tensor> args;
  for (size_t i = 0; i < func->params.size(); ++i) {
    const ir::Var param = func->params[i];
    const ir::Buffer buffer = func->BufferOf(param);
    std::vector<int64_t> shape;
    if (buffer) {
      for (ir::Expr dim : buffer->shape) {
        const int64_t* value = ir::ConstInt(dim);
        if (value == nullptr) {
          return absl::InvalidArgumentError(
              StrCat("parameter \"", buffer->name, "\" has a symbolic shape, expected constants"));
        }
        shape.push_back(*value);
      }
    }
    Tensor tensor(buffer ? buffer->dtype : param.dtype(), std::move(shape));
    CounterRandom random({seed, i});
    FillRandom(tensor, random, /*symmetric=*/true);
    args.push_back(std::move(tensor));
  }
  return args;
}

absl::Status ExpectSameResults(const IRModule& before, const IRModule& after, uint64_t seed, int64_t reduction_length) {
  HONE_ASSIGN_OR_RETURN(std::vector<Tensor> expected, RandomArgs(before, seed));
  std::vector<Tensor> got = expected;
  HONE_RETURN_IF_ERROR(Interpret(before, absl::MakeSpan(expected)));
  if (absl::Status status = Interpret(after, absl::MakeSpan(got)); !status.ok()) {
    return absl::Status(status.code(), StrCat("after the change: ", std::string(status.message())));
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    const double tolerance = Tolerance(expected[i].dtype.element(), reduction_length);
    const Difference d = Compare(got[i], expected[i], tolerance, tolerance);
    if (!d.close) {
      return absl::FailedPreconditionError(StrCat("parameter ", i, " differs at element ", d.worst, ": got ", d.got,
                                                  ", expected ", d.expected, " (seed ", seed, ")"));
    }
  }
  return absl::OkStatus();
}

}  // namespace hone::interp
