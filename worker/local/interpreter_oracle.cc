#include "worker/local/interpreter_oracle.h"

#include <string>
#include <vector>

#include "common/interp/interpreter.h"
#include "common/interp/tensor.h"
#include "common/script/parser.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone {
namespace {

// A fraction of a second.
constexpr int64_t kMaxSteps = 2'000'000;

absl::StatusOr<std::vector<std::string>> Interpret(const std::string& workload_script,
                                                   const std::vector<TensorInfo>& args,
                                                   const std::vector<std::string>& contents) {
  HONE_ASSIGN_OR_RETURN(const ir::IRModule module, script::ParseModule(workload_script));
  std::vector<interp::Tensor> tensors;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::optional<ir::DataType> dtype = ir::DataType::Parse(args[i].dtype);
    if (!dtype.has_value()) return absl::UnimplementedError(StrCat("dtype ", args[i].dtype));
    interp::Tensor tensor(*dtype, args[i].shape);
    if (tensor.bytes.size() != contents[i].size()) return absl::UnimplementedError("packed elements");
    tensor.bytes.assign(contents[i].begin(), contents[i].end());
    tensors.push_back(std::move(tensor));
  }
  interp::Options options;
  options.max_steps = kMaxSteps;
  const absl::Status status = interp::Interpret(module, absl::MakeSpan(tensors), options);
  if (absl::IsResourceExhausted(status)) return absl::UnimplementedError("too large for the interpreter");
  HONE_RETURN_IF_ERROR(status);
  std::vector<std::string> results;
  for (const interp::Tensor& tensor : tensors) results.emplace_back(tensor.bytes.begin(), tensor.bytes.end());
  return results;
}

}  // namespace

runner::Oracle MakeInterpreterOracle() { return Interpret; }

}  // namespace hone
