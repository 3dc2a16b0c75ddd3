#include "tests/load/tls_worker.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "hone/v1/worker.pb.h"

namespace hone::load {
namespace {

enum Frame : uint8_t { kData = 0, kHeaders = 1, kRstStream = 3, kSettings = 4, kPing = 6, kGoAway = 7 };
constexpr uint8_t kAck = 1, kEndStream = 1, kEndHeaders = 4;

// RFC 9113, section 4.1.
std::string FrameOf(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload) {
  std::string frame;
  for (int shift : {16, 8, 0}) frame += static_cast<char>(payload.size() >> shift & 0xff);
  frame += static_cast<char>(type);
  frame += static_cast<char>(flags);
  for (int shift : {24, 16, 8, 0}) frame += static_cast<char>(stream >> shift & 0xff);
  return frame + payload;
}

// RFC 7541, section 6.2.2: a literal header that is not indexed, its name spelt out; both shorter than 127 bytes.
std::string Header(const std::string& name, const std::string& value) {
  return std::string(1, '\0') + static_cast<char>(name.size()) + name + static_cast<char>(value.size()) + value;
}

const std::string& Opening() {
  static const auto& bytes = *new std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + FrameOf(kSettings, 0, 0, "") +
                                              FrameOf(kHeaders, kEndHeaders, 1,
                                                      Header(":method", "POST") + Header(":scheme", "https") +
                                                          Header(":path", "/hone.v1.WorkerService/Connect") +
                                                          Header(":authority", "localhost") + Header("te", "trailers") +
                                                          Header("content-type", "application/grpc")));
  return bytes;
}

uint32_t BigEndian(const std::string& bytes, size_t from, size_t count) {
  uint32_t value = 0;
  for (size_t i = from; i < from + count; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

}  // namespace

void TlsWorker::Connect(int epoll, uint64_t tag) {
  socket_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket_ < 0) return;
  int on = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port_));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0 && errno != EINPROGRESS) return Close();
  state_ = State::kConnecting;
  epoll_event event = {EPOLLIN | EPOLLOUT, {.u64 = tag}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, socket_, &event);
}

void TlsWorker::Proceed(int epoll, uint64_t tag) {
  if (state_ == State::kConnecting) {
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return Close();
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, socket_);
    SSL_set_connect_state(ssl_);
    state_ = State::kHandshaking;
  }
  if (state_ == State::kHandshaking) Shake(epoll, tag);
  if (state_ == State::kOpen || state_ == State::kRegistered) Read();
}

void TlsWorker::Shake(int epoll, uint64_t tag) {
  int done = SSL_do_handshake(ssl_);
  int error = done == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_, done);
  if (done != 1 && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return Close();
  epoll_event event = {EPOLLIN | (error == SSL_ERROR_WANT_WRITE ? EPOLLOUT : 0u), {.u64 = tag}};
  epoll_ctl(epoll, EPOLL_CTL_MOD, socket_, &event);
  if (done != 1) return;
  state_ = State::kOpen;
  Write(Opening());
  SendMessage(hello_);
}

void TlsWorker::SendMessage(const std::string& message) {
  std::string data(1, '\0');  // Not compressed.
  for (int shift : {24, 16, 8, 0}) data += static_cast<char>(message.size() >> shift & 0xff);
  Write(FrameOf(kData, 0, 1, data + message));
}

void TlsWorker::Heartbeat() {
  v1::WorkerMessage message;
  message.mutable_heartbeat();
  SendMessage(message.SerializeAsString());
}

// A few hundred bytes at a time: a socket that does not take them is as good as broken.
void TlsWorker::Write(std::string bytes) {
  if (state_ != State::kOpen && state_ != State::kRegistered) return;
  if (SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) <= 0) Close();
}

void TlsWorker::Read() {
  char buffer[4096];
  while (ssl_ != nullptr) {
    int got = SSL_read(ssl_, buffer, sizeof(buffer));
    if (got <= 0) {
      if (SSL_get_error(ssl_, got) != SSL_ERROR_WANT_READ) Close();
      return;
    }
    incoming_.append(buffer, got);
    size_t at = 0;
    while (incoming_.size() >= at + 9 && incoming_.size() >= at + 9 + BigEndian(incoming_, at, 3)) {
      uint32_t size = BigEndian(incoming_, at, 3);
      auto type = static_cast<uint8_t>(incoming_[at + 3]), flags = static_cast<uint8_t>(incoming_[at + 4]);
      OnFrame(type, flags, BigEndian(incoming_, at + 5, 4), incoming_.substr(at + 9, size));
      if (ssl_ == nullptr) return;
      at += 9 + size;
    }
    incoming_.erase(0, at);
  }
}

void TlsWorker::OnFrame(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload) {
  if (type == kSettings && (flags & kAck) == 0) return Write(FrameOf(kSettings, kAck, 0, ""));
  if (type == kPing && (flags & kAck) == 0) return Write(FrameOf(kPing, kAck, 0, payload));
  bool ended = type == kRstStream || type == kGoAway || ((type == kHeaders || type == kData) && (flags & kEndStream));
  if (ended) return Close();
  if (type != kData) return;
  messages_ += payload;
  while (messages_.size() >= 5 && messages_.size() >= 5 + BigEndian(messages_, 1, 4)) {
    uint32_t size = BigEndian(messages_, 1, 4);
    v1::ServerMessage message;
    if (message.ParseFromArray(messages_.data() + 5, static_cast<int>(size)) && message.has_registered()) {
      state_ = State::kRegistered;
    }
    messages_.erase(0, 5 + size);
  }
}

void TlsWorker::Close() {
  if (ssl_ != nullptr) SSL_free(ssl_);
  if (socket_ >= 0) close(socket_);
  ssl_ = nullptr;
  socket_ = -1;
  state_ = State::kClosed;
  incoming_.clear();
  messages_.clear();
}

}  // namespace hone::load
