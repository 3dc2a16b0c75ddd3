#include "server/service/export_stream.h"

#include <utility>

#include "common/support/strings.h"
#include "server/service/rpc.h"

namespace hone {

std::shared_ptr<ExportStream> ExportStream::Start(grpc::CallbackServerContext* context, Records& records,
                                                  Executor& executor, StreamCounter& counter, Identity who,
                                                  v1::ExportRequest request, absl::Duration stall) {
  auto stream = std::make_shared<ExportStream>(context, counter, who.tenant, stall);
  stream->self_ = stream;
  const bool queued = executor.Run([stream, &records, who = std::move(who), request = std::move(request)] {
    stream->End(records.Export(who, request, [&](v1::ExportChunk chunk) { return stream->Send(std::move(chunk)); }));
  });
  if (!queued) stream->End(absl::ResourceExhaustedError("too many exports are waiting; try again"));
  return stream;
}

bool ExportStream::Send(v1::ExportChunk chunk) {
  std::unique_lock lock(mutex_);
  if (closing_) return false;
  chunk_ = std::move(chunk);
  writing_ = true;
  StartWrite(&chunk_);
  const bool taken = written_.wait_for(lock, absl::ToChronoNanoseconds(stall_), [this] { return !writing_; });
  if (!taken) {
    CloseLocked(absl::DeadlineExceededError(
        StrCat("the reader took nothing of the export for ", absl::ToDoubleSeconds(stall_), " s")));
    written_.wait(lock, [this] { return !writing_; });  // Soon: the call is cancelled.
  }
  return !closing_;
}

void ExportStream::End(const absl::Status& status) {
  std::lock_guard lock(mutex_);
  Finish(ToGrpc(closing_ ? end_ : status));
}

void ExportStream::CloseLocked(absl::Status status) {
  if (closing_ || done_) return;
  closing_ = true;
  end_ = std::move(status);
  // Nothing else ends a write that the reader does not take.
  if (writing_) context_->TryCancel();
}

void ExportStream::Close(absl::Status status) {
  std::lock_guard lock(mutex_);
  CloseLocked(std::move(status));
}

void ExportStream::OnWriteDone(bool ok) {
  std::lock_guard lock(mutex_);
  writing_ = false;
  if (!ok) CloseLocked(absl::CancelledError("the reader is gone"));
  written_.notify_all();
}

void ExportStream::OnCancel() { Close(absl::CancelledError("the reader is gone")); }

void ExportStream::OnDone() {
  {
    std::lock_guard lock(mutex_);
    done_ = true;
  }
  counter_.Close(tenant_);
  self_.reset();  // May delete this.
}

}  // namespace hone
