// Idle workers for the load of 10,000: each a TCP connection of its own with mutual TLS, and on it the one HTTP/2
// stream that a worker opens. Written straight onto sockets, because a gRPC channel sets up its certificates anew for
// each connection, which a real worker does once on a host of its own: the generator would take most of the machine.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <string>

namespace hone::load {

// One connection after another to `port` of this host. Not thread-safe: everything on one thread.
class TlsWorker {
 public:
  enum class State { kClosed, kConnecting, kHandshaking, kOpen, kRegistered };

  TlsWorker(SSL_CTX* context, int port, std::string hello) : context_(context), port_(port), hello_(std::move(hello)) {}
  ~TlsWorker() { Close(); }
  TlsWorker(const TlsWorker&) = delete;

  // Starts a connection and has `epoll` watch it, with `tag`. Only when closed.
  void Connect(int epoll, uint64_t tag);
  // Goes on with what the socket allows; closes it when the peer has ended or broken it.
  void Proceed(int epoll, uint64_t tag);
  // One message on the stream; only when registered.
  void Heartbeat();
  void Close();

  State state() const { return state_; }

 private:
  void Shake(int epoll, uint64_t tag);
  void Read();
  void OnFrame(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload);
  void Write(std::string bytes);
  void SendMessage(const std::string& message);

  SSL_CTX* const context_;
  const int port_;
  const std::string hello_;  // The first message, serialized.
  State state_ = State::kClosed;
  int socket_ = -1;
  SSL* ssl_ = nullptr;
  std::string incoming_;  // Bytes of frames that are not complete.
  std::string messages_;  // Bytes of the stream's messages that are not complete.
};

}  // namespace hone::load
