#include "agent/act/netfilter.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cstring>
#include <tuple>

namespace fleetsweep::act {

namespace {

// Before any translation of addresses: what is dropped is what the policy and the enrolment name.
constexpr std::int32_t kPriority = -150;
constexpr std::uint32_t kLoopbackIndex = 1;  // in every network namespace
constexpr std::uint8_t kTcp = IPPROTO_TCP, kUdp = IPPROTO_UDP, kIcmp = IPPROTO_ICMP,
                       kIcmp6 = IPPROTO_ICMPV6;
constexpr std::uint16_t kDnsPort = 53;
constexpr std::uint8_t kSyn = 0x02, kAck = 0x10;
constexpr std::size_t kElementsInMessage = 128;  // an attribute holds at most 64 KiB

constexpr const char* kIsolated = "isolated";  // the set of families that are cut off

// As nft names them when it lists a set.
enum KeyType : std::uint32_t { kNfprotoKey = 2, kIpv4Key = 7, kIpv6Key = 8, kPortKey = 13 };

class Messages {
 public:
  explicit Messages(std::uint32_t first) : number_(first) {}

  void begin(std::uint16_t type, std::uint16_t flags, std::uint8_t family, std::uint16_t resource) {
    message_ = bytes_.size();
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    header.nlmsg_seq = number_++;
    raw(&header, sizeof header);
    nfgenmsg general{};
    general.nfgen_family = family;
    general.version = NFNETLINK_V0;
    general.res_id = htons(resource);
    raw(&general, sizeof general);
  }
  void begin_nft(std::uint16_t type, std::uint16_t flags) {
    begin(static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type), flags, NFPROTO_INET, 0);
  }
  void end() {
    const auto size = static_cast<std::uint32_t>(bytes_.size() - message_);
    std::memcpy(bytes_.data() + message_, &size, sizeof size);
  }

  void attribute(std::uint16_t type, const void* data, std::size_t size) {
    nlattr header{static_cast<std::uint16_t>(sizeof(nlattr) + size), type};
    raw(&header, sizeof header);
    raw(data, size);
    bytes_.resize((bytes_.size() + 3) & ~std::size_t{3});
  }
  void text(std::uint16_t type, const std::string& value) {
    attribute(type, value.c_str(), value.size() + 1);
  }
  void u32(std::uint16_t type, std::uint32_t value) {
    value = htonl(value);
    attribute(type, &value, sizeof value);
  }
  void u64(std::uint16_t type, std::uint64_t value) {
    const std::uint32_t halves[] = {htonl(static_cast<std::uint32_t>(value >> 32)),
                                    htonl(static_cast<std::uint32_t>(value))};
    attribute(type, halves, sizeof halves);
  }
  // An attribute of attributes, until close() of what this returns.
  std::size_t open(std::uint16_t type) {
    const std::size_t start = bytes_.size();
    const nlattr header{0, static_cast<std::uint16_t>(type | NLA_F_NESTED)};
    raw(&header, sizeof header);
    return start;
  }
  void close(std::size_t start) {
    const auto size = static_cast<std::uint16_t>(bytes_.size() - start);
    std::memcpy(bytes_.data() + start, &size, sizeof size);
  }
  template <class F>
  void nest(std::uint16_t type, const F& inside) {
    const std::size_t start = open(type);
    inside();
    close(start);
  }
  void value(std::uint16_t type, const void* data, std::size_t size) {
    nest(type, [&] { attribute(NFTA_DATA_VALUE, data, size); });
  }

  // The number of the message that was begun last.
  std::uint32_t last() const { return number_ - 1; }
  Bytes take() { return std::move(bytes_); }

 private:
  void raw(const void* data, std::size_t size) {
    const auto* const at = static_cast<const std::uint8_t*>(data);
    bytes_.insert(bytes_.end(), at, at + size);
  }

  Bytes bytes_;
  std::size_t message_ = 0;
  std::uint32_t number_;
};

// One rule: all that is said of a packet, then what happens to it.
class Rule {
 public:
  Rule(Messages& out, const std::string& table, const std::string& chain) : out_(out) {
    out_.begin_nft(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    out_.text(NFTA_RULE_TABLE, table);
    out_.text(NFTA_RULE_CHAIN, chain);
    expressions_ = out_.open(NFTA_RULE_EXPRESSIONS);
  }

  Rule& meta(std::uint32_t key) {
    return add("meta", [&] {
      out_.u32(NFTA_META_DREG, NFT_REG_1);
      out_.u32(NFTA_META_KEY, key);
    });
  }
  Rule& payload(std::uint32_t base, std::uint32_t offset, std::uint32_t size) {
    return add("payload", [&] {
      out_.u32(NFTA_PAYLOAD_DREG, NFT_REG_1);
      out_.u32(NFTA_PAYLOAD_BASE, base);
      out_.u32(NFTA_PAYLOAD_OFFSET, offset);
      out_.u32(NFTA_PAYLOAD_LEN, size);
    });
  }
  Rule& masked(std::uint8_t mask) {
    return add("bitwise", [&] {
      const std::uint8_t none = 0;
      out_.u32(NFTA_BITWISE_SREG, NFT_REG_1);
      out_.u32(NFTA_BITWISE_DREG, NFT_REG_1);
      out_.u32(NFTA_BITWISE_LEN, 1);
      out_.value(NFTA_BITWISE_MASK, &mask, 1);
      out_.value(NFTA_BITWISE_XOR, &none, 1);
    });
  }
  Rule& compared(std::uint32_t operation, const void* data, std::size_t size) {
    return add("cmp", [&] {
      out_.u32(NFTA_CMP_SREG, NFT_REG_1);
      out_.u32(NFTA_CMP_OP, operation);
      out_.value(NFTA_CMP_DATA, data, size);
    });
  }
  template <class T>
  Rule& is(const T& value) {
    return compared(NFT_CMP_EQ, &value, sizeof value);
  }
  Rule& in_set(const std::string& set) {
    return add("lookup", [&] {
      out_.text(NFTA_LOOKUP_SET, set);
      out_.u32(NFTA_LOOKUP_SREG, NFT_REG_1);
    });
  }

  Rule& family(bool v6) {
    return meta(NFT_META_NFPROTO).is(static_cast<std::uint8_t>(v6 ? NFPROTO_IPV6 : NFPROTO_IPV4));
  }
  Rule& protocol(std::uint8_t number) { return meta(NFT_META_L4PROTO).is(number); }
  // `there`: the address the packet goes to; else the one it comes from.
  Rule& address(bool v6, bool there) {
    return payload(NFT_PAYLOAD_NETWORK_HEADER, v6 ? (there ? 24 : 8) : (there ? 16 : 12),
                   v6 ? 16 : 4);
  }
  Rule& address_in(const plan::AddressRange& range, bool there) {
    const std::size_t size = range.v6 ? 16 : 4;
    family(range.v6).address(range.v6, there);
    if (range.first == range.last) return compared(NFT_CMP_EQ, range.first.data(), size);
    compared(NFT_CMP_GTE, range.first.data(), size);
    return compared(NFT_CMP_LTE, range.last.data(), size);
  }
  Rule& port(bool there) { return payload(NFT_PAYLOAD_TRANSPORT_HEADER, there ? 2 : 0, 2); }
  Rule& port_is(bool there, std::uint16_t number) { return port(there).is(htons(number)); }
  // Not the first packet of a connection: nobody is called, a call is answered.
  Rule& answers() {
    const std::uint8_t begins = kSyn;
    return payload(NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1)
        .masked(kSyn | kAck)
        .compared(NFT_CMP_NEQ, &begins, 1);
  }
  Rule& type_between(std::uint8_t first, std::uint8_t last) {
    return payload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1)
        .compared(NFT_CMP_GTE, &first, 1)
        .compared(NFT_CMP_LTE, &last, 1);
  }

  void accept() { finish(NF_ACCEPT); }
  void drop() { finish(NF_DROP); }

 private:
  template <class F>
  Rule& add(const char* name, const F& data) {
    out_.nest(NFTA_LIST_ELEM, [&] {
      out_.text(NFTA_EXPR_NAME, name);
      out_.nest(NFTA_EXPR_DATA, data);
    });
    return *this;
  }
  void finish(std::uint32_t verdict) {
    add("immediate", [&] {
      out_.u32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
      out_.nest(NFTA_IMMEDIATE_DATA, [&] {
        out_.nest(NFTA_DATA_VERDICT, [&] { out_.u32(NFTA_VERDICT_CODE, verdict); });
      });
    });
    out_.close(expressions_);
    out_.end();
  }

  Messages& out_;
  std::size_t expressions_ = 0;
};

class Table {
 public:
  Table(const std::string& name, const Ruleset& rules, std::uint32_t first)
      : name_(name), rules_(rules), out_(first) {}

  Batch make(bool replaces) {
    out_.begin(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    out_.end();
    if (replaces) {
      out_.begin_nft(NFT_MSG_DELTABLE, 0);
      out_.text(NFTA_TABLE_NAME, name_);
      out_.end();
    }
    out_.begin_nft(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
    out_.text(NFTA_TABLE_NAME, name_);
    out_.end();
    add_sets();
    chain("output", NF_INET_LOCAL_OUT);
    fill_output();
    chain("input", NF_INET_LOCAL_IN);
    fill_input();
    chain("forward", NF_INET_FORWARD);
    fill_forward();
    // Answered when all before it worked.
    out_.begin_nft(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK);
    out_.text(NFTA_TABLE_NAME, name_);
    out_.end();
    const std::uint32_t last = out_.last();
    out_.begin(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    out_.end();
    return {out_.take(), last};
  }

 private:
  struct Element {
    std::vector<std::uint8_t> key;
    bool ends = false;  // the first one beyond a range
  };

  Rule rule(const char* chain) { return Rule(out_, name_, chain); }

  void chain(const char* name, std::uint32_t hook) {
    out_.begin_nft(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    out_.text(NFTA_CHAIN_TABLE, name_);
    out_.text(NFTA_CHAIN_NAME, name);
    out_.nest(NFTA_CHAIN_HOOK, [&] {
      out_.u32(NFTA_HOOK_HOOKNUM, hook);
      out_.u32(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(kPriority));
    });
    out_.u32(NFTA_CHAIN_POLICY, NF_ACCEPT);
    out_.text(NFTA_CHAIN_TYPE, "filter");
    out_.end();
  }

  void add_set(const std::string& set, KeyType type, std::uint32_t size, bool ranges,
               const std::vector<Element>& elements) {
    if (elements.empty()) return;
    out_.begin_nft(NFT_MSG_NEWSET, NLM_F_CREATE);
    out_.text(NFTA_SET_TABLE, name_);
    out_.text(NFTA_SET_NAME, set);
    out_.u32(NFTA_SET_FLAGS, NFT_SET_TIMEOUT | (ranges ? NFT_SET_INTERVAL : 0));
    out_.u32(NFTA_SET_KEY_TYPE, type);
    out_.u32(NFTA_SET_KEY_LEN, size);
    out_.u32(NFTA_SET_ID, ++sets_);
    out_.end();
    for (std::size_t at = 0; at < elements.size(); at += kElementsInMessage) {
      out_.begin_nft(NFT_MSG_NEWSETELEM, NLM_F_CREATE);
      out_.text(NFTA_SET_ELEM_LIST_TABLE, name_);
      out_.text(NFTA_SET_ELEM_LIST_SET, set);
      out_.nest(NFTA_SET_ELEM_LIST_ELEMENTS, [&] {
        for (std::size_t i = at; i < std::min(at + kElementsInMessage, elements.size()); ++i)
          add_element(elements[i]);
      });
      out_.end();
    }
  }

  void add_element(const Element& element) {
    out_.nest(NFTA_LIST_ELEM, [&] {
      out_.value(NFTA_SET_ELEM_KEY, element.key.data(), element.key.size());
      if (element.ends)
        out_.u32(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
      else
        out_.u64(NFTA_SET_ELEM_TIMEOUT, static_cast<std::uint64_t>(rules_.ttl.count()) * 1000);
    });
  }

  static std::vector<Element> elements(const std::vector<plan::AddressRange>& ranges, bool v6) {
    std::vector<Element> result;
    const std::ptrdiff_t size = v6 ? 16 : 4;
    for (const auto& range : ranges) {
      if (range.v6 != v6) continue;
      result.push_back({{range.first.begin(), range.first.begin() + size}, false});
      Element end{{range.last.begin(), range.last.begin() + size}, true};
      for (auto i = end.key.size(); i-- > 0 && ++end.key[i] == 0;) {
      }
      result.push_back(std::move(end));
    }
    return result;
  }

  void add_sets() {
    add_set("out4", kIpv4Key, 4, true, elements(rules_.out, false));
    add_set("out6", kIpv6Key, 16, true, elements(rules_.out, true));
    add_set("in4", kIpv4Key, 4, true, elements(rules_.in, false));
    add_set("in6", kIpv6Key, 16, true, elements(rules_.in, true));
    std::vector<Element> tcp, udp;
    for (const auto& port : rules_.ports)
      (port.udp ? udp : tcp)
          .push_back({{static_cast<std::uint8_t>(port.port >> 8),
                       static_cast<std::uint8_t>(port.port & 0xff)}});
    add_set("tcp", kPortKey, 2, false, tcp);
    add_set("udp", kPortKey, 2, false, udp);
    if (rules_.isolate)
      add_set(kIsolated, kNfprotoKey, 1, false, {{{NFPROTO_IPV4}}, {{NFPROTO_IPV6}}});
  }

  void open_endpoints(const char* chain, bool there) {
    for (const auto& endpoint : rules_.open) {
      if (!endpoint.address) continue;
      Rule one = rule(chain);
      one.address_in(*endpoint.address, there).protocol(kTcp).port_is(there, endpoint.port);
      if (!there) one.answers();
      one.accept();
    }
  }

  // What a host needs to keep its own address and to find its controller's.
  void open_house(const char* chain, bool there) {
    for (const auto& resolver : rules_.resolvers)
      for (const std::uint8_t protocol : {kUdp, kTcp}) {
        Rule one = rule(chain);
        one.address_in(resolver, there).protocol(protocol).port_is(there, kDnsPort);
        if (!there && protocol == kTcp) one.answers();
        one.accept();
      }
    // DHCP: the client's port and the server's.
    for (const auto& [v6, client, server] :
         {std::tuple(false, std::uint16_t{68}, std::uint16_t{67}),
          std::tuple(true, std::uint16_t{546}, std::uint16_t{547})})
      rule(chain).family(v6).protocol(kUdp).port_is(!there, client).port_is(there, server).accept();
    // Neighbours, routers and group memberships of IPv6, without which it has no link.
    rule(chain).family(true).protocol(kIcmp6).type_between(130, 137).accept();
    rule(chain).family(true).protocol(kIcmp6).type_between(143, 143).accept();
    if (there) return;
    // What a router says about packets on their way: too big, no way there.
    rule(chain).family(true).protocol(kIcmp6).type_between(1, 4).accept();
    rule(chain).family(false).protocol(kIcmp).type_between(3, 3).accept();
  }

  void drop_addresses(const char* chain, const char* set, const std::vector<plan::AddressRange>& of,
                      bool there) {
    for (const bool v6 : {false, true})
      if (std::any_of(of.begin(), of.end(), [&](const auto& range) { return range.v6 == v6; }))
        rule(chain)
            .family(v6)
            .address(v6, there)
            .in_set(std::string(set) + (v6 ? "6" : "4"))
            .drop();
  }

  void drop_all(const char* chain) {
    if (rules_.isolate) rule(chain).meta(NFT_META_NFPROTO).in_set(kIsolated).drop();
  }

  void fill_output() {
    rule("output").meta(NFT_META_OIF).is(kLoopbackIndex).accept();
    open_endpoints("output", true);
    for (const auto& endpoint : rules_.open)
      if (!endpoint.address)
        rule("output")
            .meta(NFT_META_SKUID)
            .is(rules_.uid)
            .protocol(kTcp)
            .port_is(true, endpoint.port)
            .accept();
    if (rules_.isolate) open_house("output", true);
    drop_addresses("output", "out", rules_.out, true);
    drop_all("output");
  }

  void fill_input() {
    rule("input").meta(NFT_META_IIF).is(kLoopbackIndex).accept();
    open_endpoints("input", false);
    for (const auto& endpoint : rules_.open)
      if (!endpoint.address)
        rule("input").protocol(kTcp).port_is(false, endpoint.port).answers().accept();
    if (rules_.isolate) open_house("input", false);
    drop_addresses("input", "in", rules_.in, false);
    for (const bool udp : {false, true})
      if (std::any_of(rules_.ports.begin(), rules_.ports.end(),
                      [&](const auto& port) { return port.udp == udp; }))
        rule("input").protocol(udp ? kUdp : kTcp).port(true).in_set(udp ? "udp" : "tcp").drop();
    drop_all("input");
  }

  // Containers and guests behind this host.
  void fill_forward() {
    open_endpoints("forward", true);
    open_endpoints("forward", false);
    drop_addresses("forward", "out", rules_.out, true);
    drop_addresses("forward", "in", rules_.in, false);
    drop_all("forward");
  }

  const std::string& name_;
  const Ruleset& rules_;
  Messages out_;
  std::uint32_t sets_ = 0;
};

}  // namespace

Batch make_table(const std::string& name, const Ruleset& rules, std::uint32_t first) {
  return Table(name, rules, first).make(false);
}

Batch replace_table(const std::string& name, const Ruleset& rules, std::uint32_t first) {
  return Table(name, rules, first).make(true);
}

Batch delete_table(const std::string& name, std::uint32_t first) {
  Messages out(first);
  out.begin(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
  out.end();
  out.begin_nft(NFT_MSG_DELTABLE, NLM_F_ACK);
  out.text(NFTA_TABLE_NAME, name);
  out.end();
  const std::uint32_t last = out.last();
  out.begin(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
  out.end();
  return {out.take(), last};
}

Batch get_table(const std::string& name, std::uint32_t number) {
  Messages out(number);
  out.begin_nft(NFT_MSG_GETTABLE, NLM_F_ACK);
  out.text(NFTA_TABLE_NAME, name);
  out.end();
  return {out.take(), number};
}

// Both families are in the set for the same time.
Batch get_isolation(const std::string& name, std::uint32_t number) {
  Messages out(number);
  const std::uint8_t family = NFPROTO_IPV4;
  out.begin_nft(NFT_MSG_GETSETELEM, NLM_F_ACK);
  out.text(NFTA_SET_ELEM_LIST_TABLE, name);
  out.text(NFTA_SET_ELEM_LIST_SET, kIsolated);
  out.nest(NFTA_SET_ELEM_LIST_ELEMENTS, [&] {
    out.nest(NFTA_LIST_ELEM, [&] { out.value(NFTA_SET_ELEM_KEY, &family, sizeof family); });
  });
  out.end();
  return {out.take(), number};
}

std::optional<KernelAnswer> next_answer(BytesView& bytes) {
  while (bytes.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header{};
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > bytes.size()) break;
    const BytesView body = bytes.subspan(sizeof header, header.nlmsg_len - sizeof header);
    bytes = bytes.subspan(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), bytes.size()));
    nlmsgerr error{};
    if (header.nlmsg_type != NLMSG_ERROR || body.size() < sizeof error) continue;
    std::memcpy(&error, body.data(), sizeof error);
    return KernelAnswer{error.msg.nlmsg_seq, -error.error};
  }
  bytes = {};
  return std::nullopt;
}

}  // namespace fleetsweep::act
