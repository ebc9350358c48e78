#include "storage/journal/segment.hpp"

#include "storage/journal/codec.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>

namespace weir {

namespace {

constexpr std::string_view prefix = "journal-";
constexpr std::string_view suffix = ".wj";
constexpr size_t digits = 20;

using header_bytes = std::array<std::byte, sizeof(segment_header)>;

header_bytes to_bytes(const segment_header& header) noexcept {
  header_bytes bytes;
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

uint32_t header_crc(const header_bytes& bytes) noexcept {
  return crc32c(std::span{bytes}.first(offsetof(segment_header, crc)));
}

bool is_good(const segment_header& header, const header_bytes& bytes,
             uint64_t number) noexcept {
  return header.magic == segment_magic && header.version == segment_version
         && header.number == number && header.crc == header_crc(bytes);
}

/// The version that a copy of a header claims, if it looks like weir's. The last digit of a newer
/// magic tells its version.
std::optional<uint32_t> version_said(const segment_header& header) noexcept {
  constexpr uint64_t name_mask = (uint64_t{1} << 56) - 1;
  const auto digit = static_cast<uint32_t>(header.magic >> 56);
  if ((header.magic & name_mask) != (segment_magic & name_mask) || digit < '1'
      || digit > '9')
    return std::nullopt;
  return digit == '1' ? header.version : std::max(header.version, digit - '0');
}

constexpr uint32_t version_plausible_max = 0xffff; ///< above: flipped bits

/// The newer version that both copies claim, or one whose sum is right: no damage does that.
std::optional<uint32_t> newer_version(std::span<const header_bytes> copies) noexcept {
  std::optional<uint32_t> said_before;
  for (const auto& bytes : copies) {
    segment_header header;
    std::memcpy(&header, bytes.data(), sizeof header);
    const auto said = version_said(header);
    if (!said || *said <= segment_version || *said > version_plausible_max)
      continue;
    if (said == said_before || header.crc == header_crc(bytes))
      return said;
    said_before = said;
  }
  return std::nullopt;
}

} // namespace

std::string segment_name(uint64_t number) {
  auto text = std::to_string(number);
  text.insert(0, digits - text.size(), '0');
  return std::string{prefix} + text + std::string{suffix};
}

std::string segment_path(const std::string& directory, uint64_t number) {
  return directory + '/' + segment_name(number);
}

std::string corrupt_path(const std::string& directory, uint64_t number, uint64_t offset,
                         bool unread) {
  return segment_path(directory, number) + '.' + std::to_string(offset)
         + (unread ? ".unread.corrupt" : ".corrupt");
}

std::optional<uint64_t> segment_number(std::string_view name) noexcept {
  if (name.size() != prefix.size() + digits + suffix.size() || !name.starts_with(prefix)
      || !name.ends_with(suffix))
    return std::nullopt;
  uint64_t number = 0;
  const auto* const begin = name.data() + prefix.size();
  const auto [end, error] = std::from_chars(begin, begin + digits, number);
  if (error != std::errc{} || end != begin + digits || number == 0)
    return std::nullopt;
  return number;
}

result<std::vector<uint64_t>> list_segments(const std::string& directory,
                                            file_system& files) {
  const auto names = files.list(directory);
  if (!names)
    return tl::unexpected{names.error()};
  // The fixed width makes names sort as their numbers do.
  std::vector<uint64_t> numbers;
  for (const auto& name : *names)
    if (const auto number = segment_number(name))
      numbers.push_back(*number);
  return numbers;
}

bool is_gone(const std::string& directory, file_system& files, uint64_t number) {
  const auto there = list_segments(directory, files);
  return there && !std::binary_search(there->begin(), there->end(), number);
}

result<std::unique_ptr<file>> open_segment(const std::string& directory,
                                           file_system& files, uint64_t number) {
  auto opened = files.open(segment_path(directory, number), false);
  if (!opened && is_gone(directory, files, number))
    return std::unique_ptr<file>{};
  return opened;
}

result<void> write_header(file& segment, segment_header header) {
  header.magic = segment_magic;
  header.crc = header_crc(to_bytes(header));
  const auto bytes = to_bytes(header);
  for (const auto offset : header_copies)
    if (auto written = segment.write_at(offset, bytes); !written)
      return written;
  return {};
}

result<std::optional<segment_header>> read_header(const std::string& directory,
                                                  file& segment, uint64_t number) {
  std::optional<fault> failure;
  std::vector<header_bytes> read;
  for (const auto offset : header_copies) {
    header_bytes bytes{};
    const auto got = segment.read_at(offset, bytes);
    if (!got) {
      failure = got.error();
      continue;
    }
    segment_header header;
    std::memcpy(&header, bytes.data(), sizeof header);
    // One good copy is enough, whatever became of the other.
    if (is_good(header, bytes, number))
      return header;
    read.push_back(bytes);
  }
  if (const auto newer = newer_version(read))
    return fail(ec::io_failed, segment_path(directory, number)
                                 + ": is a segment of version " + std::to_string(*newer)
                                 + ", this weir knows version "
                                 + std::to_string(segment_version)
                                 + ": use the weir that wrote it, or a newer one");
  if (failure)
    return tl::unexpected{*failure};
  return std::nullopt;
}

result<void> look_at_journal(const std::string& directory, file_system& files) {
  const auto numbers = list_segments(directory, files);
  if (!numbers)
    return {};
  for (const auto number : *numbers) {
    const auto opened = open_segment(directory, files, number);
    if (!opened || !*opened)
      continue;
    std::vector<header_bytes> read(std::size(header_copies));
    for (size_t i = 0; i < read.size(); ++i)
      (void)(*opened)->read_at(header_copies[i], read[i]);
    // read_header() has the text of the failure.
    if (newer_version(read))
      if (const auto header = read_header(directory, **opened, number); !header)
        return tl::unexpected{header.error()};
  }
  return {};
}

result<bool> is_blank(file& segment) {
  std::vector<std::byte> bytes(size_t{64} << 10);
  const auto got = segment.read_at(frames_begin, bytes);
  if (!got)
    return tl::unexpected{got.error()};
  return std::all_of(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(*got),
                     [](std::byte b) { return b == std::byte{0}; });
}

bool segment_survey::was_begun(uint64_t number) const noexcept {
  return begun.contains(number)
         || std::any_of(begun.begin(), begun.end(), [number](const auto& one) {
              return one.second.header.previous == number;
            });
}

result<segment_survey> survey_segments(const std::string& directory, file_system& files) {
  const auto numbers = list_segments(directory, files);
  if (!numbers)
    return tl::unexpected{numbers.error()};
  segment_survey survey;
  for (const auto number : *numbers) {
    const auto opened = open_segment(directory, files, number);
    if (!opened)
      return tl::unexpected{opened.error()};
    if (!*opened)
      continue;
    const auto header = read_header(directory, **opened, number);
    const auto bytes = (*opened)->size();
    if (!header || !bytes)
      return tl::unexpected{header ? bytes.error() : header.error()};
    if (!*header) {
      survey.headless.push_back(number);
      continue;
    }
    survey.begun.emplace(number, begun_segment{**header, *bytes, std::nullopt});
    // Numbers rise, so the survey has the predecessor already, if it is there.
    const auto before = survey.begun.find((*header)->previous);
    if (before != survey.begun.end() && before->first < number)
      before->second.declared_end = (*header)->previous_end;
  }
  return survey;
}

} // namespace weir
