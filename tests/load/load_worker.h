// Workers of load generators: one gRPC stream each that answers leases by a table of functions. Many in one process.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "hone/v1/worker.grpc.pb.h"

namespace hone::load {

// Calls `heard` from gRPC's threads for each message; Send from anywhere. Registers itself when it is made.
class LoadStream final : public grpc::ClientBidiReactor<v1::WorkerMessage, v1::ServerMessage> {
 public:
  using Heard = std::function<void(LoadStream&, const v1::ServerMessage&)>;

  LoadStream(v1::WorkerService::Stub& stub, v1::WorkerMessage hello, Heard heard, std::function<void()> ended = nullptr)
      : heard_(std::move(heard)), when_ended_(std::move(ended)) {
    context_.set_wait_for_ready(true);
    stub.async()->Connect(&context_, this);
    AddHold();
    StartRead(&incoming_);
    StartCall();
    Send(std::move(hello));
  }

  void Send(v1::WorkerMessage message) {
    std::lock_guard lock(mutex_);
    if (broken_) return;
    queue_.push_back(std::move(message));
    if (queue_.size() == 1) StartWrite(&queue_.front());
  }
  // Ends the stream and waits until gRPC is done with it.
  void Stop() {
    context_.TryCancel();
    while (!done_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  void Cancel() { context_.TryCancel(); }
  bool done() const { return done_; }

  void OnReadDone(bool ok) override {
    if (!ok) return Release();
    heard_(*this, incoming_);
    StartRead(&incoming_);
  }
  void OnWriteDone(bool ok) override {
    std::lock_guard lock(mutex_);
    queue_.pop_front();
    if (!ok) broken_ = true;
    if (ok && !queue_.empty()) StartWrite(&queue_.front());
  }
  void OnDone(const grpc::Status& status) override {
    status_ = status;
    std::function<void()> ended = when_ended_;
    done_ = true;  // The owner may delete this from here on.
    if (ended) ended();
  }
  const grpc::Status& status() const { return status_; }  // Once done.

 private:
  void Release() {
    bool expected = false;
    if (released_.compare_exchange_strong(expected, true)) RemoveHold();
  }

  const Heard heard_;
  const std::function<void()> when_ended_;
  grpc::ClientContext context_;
  v1::ServerMessage incoming_;
  std::mutex mutex_;
  std::deque<v1::WorkerMessage> queue_;  // The first one is being written.
  bool broken_ = false;
  std::atomic<bool> done_{false}, released_{false};
  grpc::Status status_;
};

inline v1::WorkerMessage Hello(const std::string& name, v1::Role role, int slots) {
  v1::WorkerMessage hello;
  v1::Register& r = *hello.mutable_register_();
  r.set_name(name);
  r.add_roles(role);
  r.set_build_slots(slots);
  r.set_run_slots(slots);
  r.set_incarnation(1);
  r.mutable_revisions()->set_protocol(2);
  return hello;
}

}  // namespace hone::load
