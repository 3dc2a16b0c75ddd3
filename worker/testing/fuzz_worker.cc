// libFuzzer target: what a worker reads that it did not write. The first byte chooses the reader: what a compile child
// answers (a hostile program may have taken it over), what blobs hold (artifacts, references), what the GPU's process
// replies, what a searching child answers (a plug-in may have scribbled over it), and kernels as objects.
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "common/support/check.h"
#include "server/tuning/search_answer.h"
#include "worker/builder/codec.h"
#include "worker/codegen/cuda/launch_plan.h"
#include "worker/runner/cuda/device_reply.h"
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
    case 6: {
      if (bytes.empty()) return;
      const auto op = static_cast<runner::cuda::DeviceOp>(static_cast<uint8_t>(bytes[0]) % 10);
      runner::cuda::DeviceReply reply = {};
      std::memcpy(&reply, bytes.data() + 1, std::min(bytes.size() - 1, sizeof(reply)));
      const bool good = runner::cuda::CheckReply(op, reply).empty();
      // The texts end in any case.
      const size_t length = std::strlen(reply.message) + std::strlen(reply.device.name) +
                            std::strlen(reply.device.uuid) + std::strlen(reply.device.layers);
      HONE_CHECK(length < sizeof(reply));
      if (!good || reply.result != 0) return;
      for (uint32_t i = 0; i < reply.samples; ++i) HONE_CHECK(reply.seconds[i] >= 0);
      HONE_CHECK(op != runner::cuda::DeviceOp::kTime || reply.samples > 0);
      return;
    }
    case 7: {
      absl::StatusOr<FoundRound> found = DecodeSearchAnswer(bytes);
      if (!found.ok()) {
        HONE_CHECK(DecodeSearchAnswer(EncodeSearchError(found.status())).status().code() == found.status().code());
        return;
      }
      const std::string text = EncodeFoundRound(*found);
      absl::StatusOr<FoundRound> again = DecodeSearchAnswer(text);
      HONE_CHECK(again.ok()) << text;
      HONE_CHECK(EncodeFoundRound(*again) == text);
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
  runner::cuda::DeviceReply timed = {};
  timed.samples = 1;
  timed.seconds[0] = timed.total_seconds = 1e-3;
  std::string reply(sizeof(timed), 0);
  std::memcpy(reply.data(), &timed, sizeof(timed));
  FoundRound found;
  found.round.candidates.push_back({Digest(), "[[0,[1,2]]]", 0.5});
  found.skeletons.emplace_back(Digest(), "[[],[]]");
  return {std::string("\6\x8") + reply,
          '\7' + EncodeFoundRound(found),
          '\7' + EncodeSearchError(absl::InternalError("no")),
          '\0' + builder::EncodeRequest(request),
          '\1' + builder::EncodeResult(built),
          '\1' + builder::EncodeResult(failed),
          '\2' + runner::EncodeReference(reference),
          '\3' + codegen::EncodeCubin(plan, "elf"),
          '\4' + runner::cuda::EncodeProgram(program)};
}

}  // namespace
}  // namespace hone

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 0) hone::Read(data[0] % 8, {reinterpret_cast<const char*>(data) + 1, size - 1});
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
