// Who is let in, who waits, and what those who are not let in are told.
#include "http/ingest/admission.hpp"
#include "http/ingest/ingest_terms.hpp"
#include "http/wire/auth.hpp"

#include <gtest/gtest.h>

using namespace weir;
using namespace std::chrono_literals;

namespace {

using verdict = admission::verdict;
constexpr auto in_line = admission_policy::wait;

struct fairness : ::testing::Test {
  admission gate{{.bytes_max = 100, .batches_max = 10, .waiters_max = 8}};
  admission::time_point now{1h};
  std::vector<int> granted;

  admission::decision enter(int name, size_t bytes, priority level = priority::normal) {
    return gate.enter({bytes, 1}, level, in_line,
                      [this, name] { granted.push_back(name); });
  }
};

} // namespace

TEST_F(fairness, small_claims_of_low_priority_do_not_overtake_a_large_one_of_high) {
  enter(0, 60);
  enter(1, 40);
  EXPECT_EQ(enter(2, 90, priority::high).what, verdict::waiting);
  EXPECT_EQ(enter(3, 1, priority::low).what, verdict::waiting);
  EXPECT_EQ(enter(4, 1, priority::normal).what, verdict::waiting);
  gate.release({40, 1}, now);
  EXPECT_TRUE(granted.empty())
    << "there is room for the small ones, and it is not their turn";
  gate.release({60, 1}, now);
  EXPECT_EQ(granted, (std::vector<int>{2, 4, 3}));
}

TEST_F(fairness, a_claim_that_just_fits_is_granted_and_one_byte_more_waits) {
  enter(0, 60);
  EXPECT_EQ(enter(1, 40).what, verdict::granted);
  gate.release({40, 1}, now);
  EXPECT_EQ(enter(2, 41).what, verdict::waiting);
}

TEST_F(fairness, the_number_of_those_who_wait_is_bounded) {
  enter(0, 100);
  std::vector<uint64_t> tickets;
  for (int i = 1; i <= 8; ++i) {
    const auto waits = enter(i, 1);
    EXPECT_EQ(waits.what, verdict::waiting) << i;
    tickets.push_back(waits.ticket);
  }
  EXPECT_EQ(enter(9, 1).what, verdict::refused);
  EXPECT_TRUE(gate.cancel(tickets[3]));
  EXPECT_EQ(enter(10, 1).what, verdict::waiting) << "there is a place again";
}

TEST(tenants, have_their_own_rate_where_they_have_one) {
  ingest_limits limits;
  limits.client_records_per_second = 5;
  limits.client_burst_records = 7;
  stream_spec stream;
  stream.settings.name = "web";
  stream.settings.records_per_second = 3;
  stream.settings.burst_records = 4;
  api_key tenant;
  tenant.name = "acme";
  ingest_terms terms;
  terms.stream = &stream;
  terms.limits = std::make_shared<const ingest_limits>(limits);
  auto who = rate_subject(terms, "203.0.113.9");
  EXPECT_EQ(who.stream, "web");
  EXPECT_EQ(who.stream_rate.per_second, 3);
  EXPECT_EQ(who.stream_rate.burst, 4);
  EXPECT_EQ(who.client, "203.0.113.9");
  EXPECT_EQ(who.client_rate.per_second, 5);
  EXPECT_EQ(who.client_rate.burst, 7);
  terms.tenant = &tenant;
  who = rate_subject(terms, "203.0.113.9");
  EXPECT_EQ(who.client, "acme");
  EXPECT_EQ(who.client_rate.per_second, 5) << "it has none of its own";
  tenant.records_per_second = 11;
  tenant.burst_records = 13;
  who = rate_subject(terms, "203.0.113.9");
  EXPECT_EQ(who.client_rate.per_second, 11);
  EXPECT_EQ(who.client_rate.burst, 13);
}
