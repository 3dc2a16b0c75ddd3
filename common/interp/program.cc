#include "common/interp/program.h"

#include "common/interp/compiler.h"
#include "common/support/strings.h"

namespace hone::interp {

void Memory::Allocate(int64_t size) {
  owned.assign(static_cast<size_t>(size), 0xff);
  data = owned.data();
  bytes = size;
}

int64_t Evaluator::Int(Frame& f, int lane) const { return static_cast<int64_t>(Float(f, lane)); }
double Evaluator::Float(Frame& f, int lane) const { return static_cast<double>(Int(f, lane)); }
Pointer Evaluator::Ptr(Frame&) const { throw Stop(Stop::Kind::kInvalid, "a value is used as a pointer"); }

void Unimplemented(const std::string& what) { throw Stop(Stop::Kind::kUnimplemented, what); }

void TooManySteps(const Frame& f) { throw Stop(Stop::Kind::kLimit, StrCat("more than ", f.max_steps, " steps")); }

std::unique_ptr<Program> CompileFunction(const ir::IRModule& module, ir::PrimFunc function) {
  absl::flat_hash_map<const ir::PrimFuncNode*, std::shared_ptr<std::unique_ptr<Program>>> done;
  return Compiler(module, done).Compile(function);
}

}  // namespace hone::interp
