#include "app/send/retry.hpp"

#include "app/config/units.hpp"

#include <algorithm>

namespace weir {

bool retry_policy::passing(int status) noexcept {
  return status == 408 || status == 429 || status == 500
         || (status >= 502 && status <= 504);
}

std::optional<std::chrono::milliseconds>
retry_policy::delay(uint32_t attempt, std::string_view retry_after) {
  if (attempt >= retries_)
    return std::nullopt;
  const auto wait = next_wait(attempt, retry_after);
  if (timeout_.count() == 0)
    return wait;
  const auto left =
    std::chrono::duration_cast<std::chrono::milliseconds>(begun_ + timeout_ - now_());
  if (wait <= left)
    return wait;
  // What the server asks for is not cut short; a wait of our own leaves time for a last try.
  return left.count() > 0 && !parse_count(retry_after) ? std::optional{left}
                                                       : std::nullopt;
}

std::chrono::milliseconds retry_policy::next_wait(uint32_t attempt,
                                                  std::string_view retry_after) {
  using std::chrono::milliseconds;
  const auto share = [&](milliseconds whole) {
    return milliseconds{
      static_cast<int64_t>(random_.fraction() * static_cast<double>(whole.count()))};
  };
  // a date or nonsense counts as absent
  if (const auto seconds = parse_count(retry_after)) {
    const milliseconds asked = std::chrono::seconds{
      std::min<uint64_t>(*seconds, static_cast<uint64_t>(longest_retry_after.count()))};
    return asked + share(asked / 10 + milliseconds{250});
  }
  const auto doubled = first_delay * (int64_t{1} << std::min(attempt, 10u));
  const auto ceiling = std::min(doubled, longest_delay);
  return ceiling / 10 + share(ceiling - ceiling / 10);
}

} // namespace weir
