#include "cluster/tunnel/frame_queue.hpp"

#include "base/clock.hpp"
#include "cluster/bytes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

using namespace weir;

namespace {

constexpr size_t record_bytes = 16384;

std::string all_of(frame_queue& queue, size_t bytes_max) {
  std::string bytes;
  while (!queue.empty()) {
    const auto next = queue.next(bytes_max);
    EXPECT_FALSE(next.empty());
    bytes += next;
  }
  return bytes;
}

std::vector<std::string> frames_in(std::string_view bytes, size_t& texts_bytes) {
  std::vector<std::string> frames;
  byte_reader from{bytes};
  while (!from.rest().empty()) {
    const auto size = from.number<uint32_t>();
    texts_bytes += from.number<uint32_t>();
    frames.emplace_back(from.take(size));
  }
  EXPECT_TRUE(from.good());
  return frames;
}

} // namespace

TEST(frame_queue_test, frames_of_any_size_come_out_whole_and_once) {
  random_source random{11};
  for (int round = 0; round < 200; ++round) {
    frame_queue queue{record_bytes};
    std::vector<std::string> sent;
    size_t texts_bytes_sent = 0;
    const auto number = 1 + random.next() % 20;
    for (uint64_t i = 0; i < number; ++i) {
      const auto largest = size_t{1} << (random.next() % 18);
      sent.emplace_back(1 + random.next() % largest, static_cast<char>('a' + i));
      const auto head = 1 + random.next() % sent.back().size();
      queue.push({sent.back().substr(0, head),
                  std::make_shared<const std::string>(sent.back().substr(head))});
      texts_bytes_sent += sent.back().size() - head;
    }
    size_t texts_bytes = 0;
    auto came = frames_in(all_of(queue, 1 + random.next() % 100'000), texts_bytes);
    EXPECT_EQ(texts_bytes, texts_bytes_sent);
    std::sort(sent.begin(), sent.end());
    std::sort(came.begin(), came.end());
    EXPECT_EQ(came, sent);
  }
}

TEST(frame_queue_test, what_is_handed_out_is_full_records_until_the_queue_ends) {
  frame_queue queue{record_bytes};
  for (const size_t bytes : {5, 100'000, 16'384, 70'000, 9, 4'000'000})
    queue.push(std::string(bytes, 'x'));
  while (true) {
    const auto next = queue.next(50'000);
    if (queue.empty())
      break;
    EXPECT_LE(next.size(), 50'000u);
    // A frame whose lengths have no room left begins in the next record.
    EXPECT_TRUE(next.size() % record_bytes == 0
                || next.size() > record_bytes - frame_lengths_bytes - 1)
      << next.size();
  }
}

TEST(frame_queue_test,
     a_small_frame_overtakes_all_large_ones_but_the_one_that_has_begun) {
  frame_queue queue{record_bytes};
  for (const char name : {'1', '2', '3'})
    queue.push(std::string(100'000, name));
  std::string bytes{queue.next(20'000)};
  queue.push({"heartbeat"});
  queue.push({"window"});
  bytes += all_of(queue, 20'000);
  std::string order;
  size_t texts_bytes = 0;
  for (const auto& frame : frames_in(bytes, texts_bytes))
    order += frame[0];
  EXPECT_EQ(order, "1hw23");
}

TEST(frame_queue_test, only_small_frames_that_have_not_begun_count_as_such) {
  frame_queue queue{record_bytes};
  queue.push(std::string(small_frame_bytes_max + 1, 'l'));
  EXPECT_EQ(queue.small_bytes(), 0u);
  queue.push(std::string(small_frame_bytes_max, 's'));
  queue.push({"heartbeat"});
  EXPECT_EQ(queue.small_bytes(), small_frame_bytes_max + 9);
  all_of(queue, 20'000);
  EXPECT_EQ(queue.small_bytes(), 0u)
    << "else a link would end after 16 MiB of heartbeats";
  for (int i = 0; i < 1000; ++i) {
    queue.push(std::string(100, 's'));
    all_of(queue, 20'000);
  }
  EXPECT_EQ(queue.small_bytes(), 0u);
}
