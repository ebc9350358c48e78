#include "records/inflate.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

namespace weir {

namespace {

constexpr size_t step_bytes_max = size_t{64} << 10;
constexpr uint64_t ratio_checked_from = uint64_t{64} << 10;
constexpr size_t zstd_head_bytes_max = 18; // RFC 8878 §3.1.1: magic number and header
constexpr size_t zstd_block_bytes_max = size_t{128} << 10;
constexpr int zstd_window_log_max = 27; // the largest that may be configured
/// Windows up to this size are not asked for: nearly no small body has a larger one.
constexpr uint64_t zstd_window_small = uint64_t{64} << 10;
constexpr size_t zstd_context_bytes = size_t{96} << 10;
/// zlib needs its state (7 KiB) and its window.
constexpr size_t gzip_bytes = size_t{48} << 10;

/// An upper bound of what libzstd allocates to decode frames of that window as a stream: the
/// context, a block of input, the window and two blocks beside it.
constexpr size_t zstd_bytes(uint64_t window) noexcept {
  return zstd_context_bytes + window
         + 3 * std::min<uint64_t>(window, zstd_block_bytes_max) + 1024;
}

/// The window in bytes that a frame needs, by the header it begins with (RFC 8878 §3.1.1.1).
/// Nothing as long as not all of the header is here; 0 for a skippable frame.
std::optional<uint64_t> window_of(std::string_view head) noexcept {
  const auto byte = [&](size_t at) { return static_cast<unsigned char>(head[at]); };
  if (head.size() < 5)
    return std::nullopt;
  if (byte(0) != 0x28)
    return 0;
  const unsigned flags = byte(4);
  const bool single_segment = (flags & 0x20) != 0;
  if (!single_segment) {
    if (head.size() < 6)
      return std::nullopt;
    // The window descriptor: 5 bits of exponent, 3 bits of eighths to add.
    const uint64_t base = uint64_t{1} << (10 + (byte(5) >> 3));
    return base + base / 8 * (byte(5) & 7);
  }
  static constexpr std::array<size_t, 4> dictionary_bytes{0, 1, 2, 4};
  // A single segment has no descriptor: its window is the content size, which it must name.
  static constexpr std::array<size_t, 4> size_bytes{1, 2, 4, 8};
  const size_t at = 5 + dictionary_bytes[flags & 3];
  const size_t bytes = size_bytes[flags >> 6];
  if (head.size() < at + bytes)
    return std::nullopt;
  uint64_t size = bytes == 2 ? 256 : 0;
  for (size_t i = 0; i < bytes; ++i)
    size += uint64_t{byte(at + i)} << (8 * i);
  return size;
}

// What one call of a library took and gave, in bytes.
struct step {
  size_t used = 0;
  size_t made = 0;
};

// Holds the loop that both codings share: bounded steps, the ratio, failures that last.
class bounded_inflater : public inflater {
 public:
  explicit bounded_inflater(inflate_limits limits) : limits_(limits) {}

  result<size_t> decode(std::string_view in, size_t room, std::string& out) final {
    if (failure_.code != ec::none)
      return tl::unexpected<fault>(failure_);
    size_t used = 0;
    while (room > 0) {
      const size_t space = std::min(room, step_bytes_max);
      const size_t before = out.size();
      out.resize(before + space);
      const auto did = decode_step(in.substr(used), out.data() + before, space);
      out.resize(before + (did ? did->made : 0));
      if (!did)
        return lasting(did.error());
      used += did->used;
      room -= did->made;
      if (over_ratio(*did))
        return lasting({ec::body_too_large, ratio_text()});
      // A step that filled its space may have more to give, even without input.
      if (did->made < space && (used == in.size() || (did->used == 0 && did->made == 0)))
        break;
    }
    return used;
  }

  bool complete() const noexcept final { return complete_; }

 protected:
  /// Makes one call of the library, which writes at most `space` > 0 bytes to `to`.
  virtual result<step> decode_step(std::string_view in, char* to, size_t space) = 0;

  bool complete_ = false;

 private:
  tl::unexpected<fault> lasting(fault why) {
    failure_ = std::move(why);
    return tl::unexpected<fault>(failure_);
  }
  bool over_ratio(step did) noexcept {
    in_ += did.used;
    out_ += did.made;
    return limits_.ratio_max > 0 && out_ > ratio_checked_from
           && static_cast<double>(out_) > limits_.ratio_max * static_cast<double>(in_);
  }
  std::string ratio_text() const {
    return "the compressed body grows to over "
           + std::to_string(static_cast<uint64_t>(limits_.ratio_max))
           + " times its size (ingest.inflate_ratio_max); send it less compressed or in "
             "parts";
  }

  inflate_limits limits_;
  uint64_t in_ = 0;
  uint64_t out_ = 0;
  fault failure_;
};

class gzip_inflater final : public bounded_inflater {
 public:
  explicit gzip_inflater(inflate_limits limits) : bounded_inflater(limits) {
    ready_ = inflateInit2(&stream_, 15 + 16) == Z_OK; // 16: a gzip header must come
  }
  ~gzip_inflater() override { inflateEnd(&stream_); }
  gzip_inflater(const gzip_inflater&) = delete;
  gzip_inflater& operator=(const gzip_inflater&) = delete;

  bool ready() const noexcept { return ready_; }

 protected:
  result<step> decode_step(std::string_view in, char* to, size_t space) override {
    if (complete_) {
      if (in.empty())
        return step{};
      if (padded_ || in.front() == '\0')
        return skip_padding(in);
      inflateReset(&stream_); // another member follows (RFC 1952 §2.2)
      behind_member_ = true;
    }
    const auto offered = static_cast<uInt>(std::min(in.size(), size_t{1} << 30));
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = offered;
    stream_.next_out = reinterpret_cast<Bytef*>(to);
    stream_.avail_out = static_cast<uInt>(space);
    const int answer = inflate(&stream_, Z_NO_FLUSH);
    complete_ = answer == Z_STREAM_END;
    if (answer != Z_OK && answer != Z_STREAM_END && answer != Z_BUF_ERROR)
      return failed(answer);
    return step{offered - stream_.avail_in, space - stream_.avail_out};
  }

 private:
  /// No member begins with a zero, and gzip takes none after zeros: they must go to the end.
  result<step> skip_padding(std::string_view in) {
    padded_ = true;
    if (in.find_first_not_of('\0') != std::string_view::npos)
      return fail(
        ec::malformed_body,
        "bytes behind the gzip body are not another member: zeros may pad it, but "
        "nothing may follow them");
    return step{in.size(), 0};
  }
  tl::unexpected<fault> failed(int answer) const {
    if (answer == Z_MEM_ERROR)
      return fail(ec::saturated, "no memory to decode a gzip body; try again later");
    const std::string why = stream_.msg ? stream_.msg : "not readable";
    const bool header = behind_member_ && stream_.total_out == 0;
    return fail(ec::malformed_body,
                header ? "bytes behind the gzip body are not another member: " + why
                       : "corrupt gzip body: " + why);
  }

  z_stream stream_{};
  bool ready_ = false;
  bool behind_member_ = false;
  bool padded_ = false; ///< the zeros after the last member have begun
};

struct zstd_deleter {
  void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
};

class zstd_inflater final : public bounded_inflater {
 public:
  explicit zstd_inflater(inflate_limits limits)
    : bounded_inflater(limits), context_(ZSTD_createDCtx()),
      window_max_(limits.window_max), allowed_(limits.memory_free) {
    // may_begin() checks the window first; this limit is the second guard.
    if (context_)
      ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, zstd_window_log_max);
  }

  bool ready() const noexcept { return context_ != nullptr; }
  size_t wants() const noexcept override { return wants_; }
  void allow(size_t bytes) noexcept override {
    allowed_ = std::max(allowed_, bytes);
    wants_ = 0;
  }

 protected:
  result<step> decode_step(std::string_view in, char* to, size_t space) override {
    if (!magic_fits(in))
      return fail(ec::malformed_body,
                  frames_ == 0 ? "the body is not zstd"
                               : "bytes behind the zstd body are not another frame");
    if (complete_ && in.empty())
      return step{};
    // The library allocates the window once it has a frame's head, so the head is judged first.
    if (frame_bytes_ < head_.size())
      if (auto may = may_begin(in); !may || !*may)
        return may.map([](bool) { return step{}; });
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    ZSTD_outBuffer output{to, space, 0};
    const size_t answer = ZSTD_decompressStream(context_.get(), &output, &input);
    if (ZSTD_isError(answer) != 0)
      return failed(answer);
    keep_head(in.substr(0, input.pos));
    frame_bytes_ += input.pos;
    frame_data_bytes_ += output.pos;
    complete_ = answer == 0; // a frame ended, and all of it has come out
    if (complete_ && !end_frame())
      return fail(ec::malformed_body,
                  "corrupt zstd body: a frame is not as long as its head says");
    return step{input.pos, output.pos};
  }

 private:
  // The library may know the formats from before zstd 0.8. They are not RFC 8878, and their
  // decoders are less well tested, so only the magic numbers of RFC 8878 pass (§3.1.1 and
  // §3.1.2).
  bool magic_fits(std::string_view in) const noexcept {
    static constexpr std::array<unsigned char, 4> frame{0x28, 0xB5, 0x2F, 0xFD};
    static constexpr std::array<unsigned char, 4> skippable{0x50, 0x2A, 0x4D, 0x18};
    for (size_t i = 0; i < in.size() && frame_bytes_ + i < frame.size(); ++i) {
      const size_t at = frame_bytes_ + i;
      const auto byte = static_cast<unsigned char>(in[i]);
      const auto folded = static_cast<unsigned char>(at == 0 ? byte & 0xF0 : byte);
      if (byte != frame[at] && folded != skippable[at])
        return false;
    }
    return true;
  }
  /// Checks the frame's window before the library allocates it. False when allow() has to be
  /// called first; fails when the window is over the limit.
  result<bool> may_begin(std::string_view in) {
    auto head = head_;
    const auto more = std::min<size_t>(in.size(), head.size() - frame_bytes_);
    in.copy(head.data() + frame_bytes_, more);
    const auto window = window_of({head.data(), frame_bytes_ + more});
    if (!window)
      return true; // the library allocates nothing without the whole head
    if (*window > window_max_)
      return fail(ec::malformed_body,
                  "the zstd body needs a window of " + std::to_string(*window)
                    + " bytes, more than " + std::to_string(window_max_)
                    + " (ingest.zstd_window_max); compress it with a smaller window log");
    wants_ = zstd_bytes(*window) > allowed_ ? zstd_bytes(*window) : 0;
    return wants_ == 0;
  }
  void keep_head(std::string_view used) noexcept {
    if (frame_bytes_ < head_.size())
      used.copy(head_.data() + frame_bytes_, head_.size() - frame_bytes_);
  }
  /// False when the frame's data are not as long as its head says. The library sees that for a
  /// frame without data only when all of it comes at once.
  bool end_frame() noexcept {
    const auto declared = ZSTD_getFrameContentSize(
      head_.data(), std::min<size_t>(frame_bytes_, head_.size()));
    const bool honest = declared == ZSTD_CONTENTSIZE_UNKNOWN
                        || declared == ZSTD_CONTENTSIZE_ERROR
                        || declared == frame_data_bytes_;
    ++frames_;
    frame_bytes_ = frame_data_bytes_ = 0;
    return honest;
  }
  static tl::unexpected<fault> failed(size_t answer) {
    switch (ZSTD_getErrorCode(answer)) {
    case ZSTD_error_memory_allocation:
      return fail(ec::saturated, "no memory to decode a zstd body; try again later");
    default:
      return fail(ec::malformed_body,
                  std::string{"corrupt zstd body: "} + ZSTD_getErrorName(answer));
    }
  }

  std::unique_ptr<ZSTD_DCtx, zstd_deleter> context_;
  uint64_t window_max_;
  size_t allowed_;
  size_t wants_ = 0;
  std::array<char, zstd_head_bytes_max> head_{}; ///< the beginning of the present frame
  uint64_t frame_bytes_ = 0;                     ///< taken of that frame so far
  uint64_t frame_data_bytes_ = 0;                ///< what came out of it so far
  uint64_t frames_ = 0;
};

std::string lower_case(std::string_view coding) {
  std::string name{coding.substr(0, 16)};
  for (char& c : name)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return name;
}

template <class Inflater>
result<std::unique_ptr<inflater>> make(inflate_limits limits) {
  auto made = std::make_unique<Inflater>(limits);
  if (!made->ready())
    return fail(ec::saturated, "no memory to decode a compressed body; try again later");
  return made;
}

} // namespace

size_t inflater_bytes(std::string_view coding) noexcept {
  if (coding.empty() || coding == "identity")
    return 0;
  return std::max(gzip_bytes, zstd_bytes(zstd_window_small));
}

size_t inflater_bytes_max(uint64_t window_max) noexcept {
  return std::max(gzip_bytes, zstd_bytes(window_max));
}

result<std::unique_ptr<inflater>> make_inflater(std::string_view coding,
                                                inflate_limits limits) {
  const auto name = lower_case(coding);
  if (name.empty() || name == "identity")
    return std::unique_ptr<inflater>{};
  if (name == "gzip" || name == "x-gzip")
    return make<gzip_inflater>(limits);
  if (name == "zstd")
    return make<zstd_inflater>(limits);
  return fail(ec::unsupported_media_type,
              "no such Content-Encoding here; send gzip, zstd or "
              "identity, and only one of them");
}

} // namespace weir
