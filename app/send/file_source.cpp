#include "app/send/file_source.hpp"

#include "records/inflate.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weir {
namespace {

/// Closes what it opened, never standard input.
struct descriptor {
  int fd;
  explicit descriptor(int opened) : fd(opened) {}
  ~descriptor() {
    if (fd > STDERR_FILENO)
      ::close(fd);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
};

fault io_fault(const std::string& path, const char* operation) {
  return {ec::io_failed, fmt::format("{}: cannot {}: {}", path, operation,
                                     std::generic_category().message(errno))};
}

constexpr size_t piece_bytes = size_t{64} << 10;

/// The content coding whose magic number `head` begins with, or empty.
std::string_view coding_of(std::string_view head) noexcept {
  if (head.starts_with("\x1f\x8b"))
    return "gzip";
  return head.starts_with("\x28\xb5\x2f\xfd") ? "zstd" : "";
}

/// True for a name that promises compression: such a file has a head, whatever is in it.
bool is_named_compressed(const std::string& path) {
  return path.ends_with(".gz") || path.ends_with(".zst");
}

/// Another file, or one that was written to, has another identity.
std::string identity_of(const std::string& path, const struct stat& about) {
  std::error_code unreadable;
  const auto whole = std::filesystem::weakly_canonical(path, unreadable);
  return fmt::format("{} {}:{} {} {}.{:09}", whole.string(), about.st_dev, about.st_ino,
                     about.st_size, about.st_mtim.tv_sec, about.st_mtim.tv_nsec);
}

/// Reads compressed bytes piece by piece and gives what they decode to. What was sniffed
/// comes first.
class decoding_source {
 public:
  decoding_source(byte_source from, std::string head, std::string path,
                  std::unique_ptr<inflater> decoder)
    : from_(std::move(from)), input_(std::move(head)), path_(std::move(path)),
      decoder_(std::move(decoder)) {}

  result<size_t> read(char* to, size_t size) {
    std::string out;
    // Nothing means the end, so decode until something comes out.
    while (out.empty()) {
      if (input_.empty() && !at_end_)
        if (auto more = fill(); !more)
          return tl::unexpected(more.error());
      const auto used = decoder_->decode(input_, std::min(size, piece_bytes), out);
      if (!used)
        return tl::unexpected(fault{used.error().code, path_ + ": " + used.error().text});
      input_.erase(0, *used);
      if (out.empty() && input_.empty() && at_end_)
        break;
    }
    if (out.empty() && !decoder_->complete())
      return fail(ec::malformed_body,
                  path_ + ": the compressed file ends in the middle: it was cut off");
    std::memcpy(to, out.data(), out.size());
    return out.size();
  }

  /// True if there is more to decode without reading.
  bool has_input() const noexcept { return !input_.empty() || at_end_; }

 private:
  result<void> fill() {
    input_.resize(piece_bytes);
    const auto got = from_(input_.data(), input_.size());
    input_.resize(got ? *got : 0);
    if (!got)
      return tl::unexpected(got.error());
    at_end_ = *got == 0;
    return {};
  }

  byte_source from_;
  std::string input_;
  std::string path_;
  std::unique_ptr<inflater> decoder_;
  bool at_end_ = false;
};

/// Gives `head`, then what `from` has.
byte_source with_head(std::string head, byte_source from) {
  return [head = std::move(head),
          from = std::move(from)](char* to, size_t size) mutable -> result<size_t> {
    if (head.empty())
      return from(to, size);
    const auto given = std::min(size, head.size());
    std::memcpy(to, head.data(), given);
    head.erase(0, given);
    return given;
  };
}

} // namespace

result<opened_source> decoded(opened_source source, const std::string& path) {
  std::string head;
  while (head.size() < 4) { // a pipe may give less at a time
    char piece[4];
    const auto got = source.read(piece, sizeof piece - head.size());
    if (!got)
      return tl::unexpected(got.error());
    if (*got == 0)
      break;
    head.append(piece, *got);
  }
  const auto coding = coding_of(head);
  if (coding.empty() && head.size() < 4 && is_named_compressed(path))
    return fail(ec::malformed_body,
                path + ": the compressed file ends in its head: it was cut off");
  if (coding.empty()) {
    source.read = with_head(std::move(head), std::move(source.read));
    return source;
  }
  // The user's own file may be as dense as it likes.
  auto decoder = make_inflater(coding, {});
  if (!decoder)
    return tl::unexpected(decoder.error());
  const auto decoding = std::make_shared<decoding_source>(
    std::move(source.read), std::move(head), path, std::move(*decoder));
  source.read = [decoding](char* to, size_t size) { return decoding->read(to, size); };
  source.bytes_total.reset();
  if (source.ready)
    source.ready = [decoding, ready = std::move(source.ready)] {
      return decoding->has_input() || ready();
    };
  return source;
}

result<opened_source> open_source(const std::string& path, const interruption* stop) {
  const bool standard = path == "-";
  const int fd = standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return tl::unexpected(io_fault(path, "open"));
  const auto file = std::make_shared<descriptor>(fd);
  struct stat about {};
  if (::fstat(fd, &about) != 0)
    return tl::unexpected(io_fault(path, "look at"));
  if (S_ISDIR(about.st_mode))
    return fail(ec::io_failed, fmt::format("{}: is a directory", path));
  opened_source source;
  const bool is_regular = S_ISREG(about.st_mode);
  if (is_regular)
    source.bytes_total = static_cast<uint64_t>(about.st_size);
  if (is_regular && !standard)
    source.identity = identity_of(path, about);
  const auto* waits_for = is_regular ? nullptr : stop;
  if (waits_for)
    source.ready = [file, stop] { // once somebody has asked to stop, a read fails at once
      return stop->readable(file->fd, silence_max) || stop->asked();
    };
  source.read = [file, path, waits_for](char* to, size_t size) -> result<size_t> {
    using namespace std::chrono_literals;
    if (waits_for && !waits_for->readable(file->fd, -1ms))
      return fail(ec::io_failed, path + ": not read to its end");
    for (;;) {
      const auto got = ::read(file->fd, to, size);
      if (got >= 0)
        return static_cast<size_t>(got);
      if (errno != EINTR)
        return tl::unexpected(io_fault(path, "read"));
    }
  };
  return decoded(std::move(source), path);
}

} // namespace weir
