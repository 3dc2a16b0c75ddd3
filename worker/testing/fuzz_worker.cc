// libFuzzer target: what a worker reads that it did not write. The first byte chooses the reader: what a compile child
// answers (a hostile program may have taken it over), what blobs hold (artifacts, references), and kernels as objects.
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "common/support/check.h"
#include "worker/builder/codec.h"
#include "worker/codegen/cuda/launch_plan.h"
#include "worker/runner/cuda/program_blob.h"
#include "worker/runner/elf_loader.h"
#include "worker/runner/reference.h"

namespace hone {
namespace {

void Read(int reader, std::string_view bytes) {
  switch (reader) {
    case 0: {
      BuildRequest request;
      if (builder::DecodeRequest(bytes, &request)) (void)builder::EncodeRequest(request);
      return;
    }
    case 1: {
      BuildResult result;
      if (!builder::DecodeResult(bytes, &result)) return;
      if (result.failure) {
        HONE_CHECK(FailureKindName(result.failure->kind) != "unknown");
      }
      (void)builder::EncodeResult(result);
      return;
    }
    case 2: {
      absl::StatusOr<runner::Reference> reference = runner::DecodeReference(bytes);
      if (reference.ok()) {
        HONE_CHECK(runner::EncodeReference(*reference) == bytes);
      }
      return;
    }
    case 3: {
      absl::StatusOr<codegen::DecodedCubin> cubin = codegen::DecodeCubin(bytes);
      if (cubin.ok()) {
        HONE_CHECK(codegen::DecodeCubin(codegen::EncodeCubin(cubin->plan, cubin->image)).ok());
      }
      return;
    }
    case 4: {
      runner::cuda::Program program;
      if (!runner::cuda::DecodeProgram(bytes.data(), bytes.size(), &program)) return;
      HONE_CHECK(runner::cuda::EncodeProgram(program) == bytes);
      return;
    }
    default: {
      runner::LoadedObject loaded;
      const std::string object(bytes);  // Aligned as a mapping is.
      (void)runner::LoadElfObject(
          object, "kernel", [](const char*) { return reinterpret_cast<void*>(&std::strlen); }, &loaded);
      if (loaded.memory != nullptr) munmap(loaded.memory, loaded.bytes);
      return;
    }
  }
}

// Valid inputs but for the objects, which are seeds: messages are hard to find from nothing.
std::vector<std::string> Seeds() {
  BuildRequest request;
  request.workload_script = "w";
  request.trace_json = "[[],[]]";
  BuildResult built, failed;
  built.artifact.emplace();
  built.artifact->bytes = "object";
  built.artifact->args = {{"float32", {4, 4}}};
  failed.failure = Failure{FailureKind::kCrash, "SIGSEGV"};
  runner::Reference reference;
  reference.roles.resize(2);
  reference.contents = {"", "ab"};
  codegen::LaunchPlan plan;
  plan.arch = "sm_90";
  plan.kernels.push_back({.name = "k", .args = {0, -1}});
  plan.temporary_bytes = {64};
  runner::cuda::Program program;
  program.kernels.emplace_back();
  program.temporaries = {64};
  program.image = "elf";
  return {'\0' + builder::EncodeRequest(request),   '\1' + builder::EncodeResult(built),
          '\1' + builder::EncodeResult(failed),     '\2' + runner::EncodeReference(reference),
          '\3' + codegen::EncodeCubin(plan, "elf"), '\4' + runner::cuda::EncodeProgram(program)};
}

}  // namespace
}  // namespace hone

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 0) hone::Read(data[0] % 6, {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}

// libFuzzer's own; absent where only the seeds are run.
extern "C" __attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  static const auto& seeds = *new std::vector<std::string>(hone::Seeds());
  if (size < 2 || seed % 64 == 0) {
    const std::string& start = seeds[seed / 64 % seeds.size()];
    size = std::min(start.size(), max_size);
    std::memcpy(data, start.data(), size);
  }
  return LLVMFuzzerMutate == nullptr ? size : LLVMFuzzerMutate(data, size, max_size);
}
