// What miners compute, and what others do, as a compiler writes it for AArch64. Compiled by the tests.
#include <arm_neon.h>

typedef unsigned int u32;
typedef unsigned long u64;

#define RIGHT(x, n) ((x) >> (n) | (x) << (32 - (n)))
#define LEFT(x, n) ((x) << (n) | (x) >> (64 - (n)))

void word_hash_sha256(u32 state[8], const u32 words[64], const u32 constants[64], u32 blocks) {
  while (blocks--) {
    u32 a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 64; i++) {
      u32 one = h + (RIGHT(e, 6) ^ RIGHT(e, 11) ^ RIGHT(e, 25)) + ((e & f) ^ (~e & g)) + constants[i] + words[i];
      u32 two = (RIGHT(a, 2) ^ RIGHT(a, 13) ^ RIGHT(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      h = g, g = f, f = e, e = d + one, d = c, c = b, b = a, a = one + two;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e, state[5] += f, state[6] += g, state[7] += h;
  }
}

void word_hash_keccak(u64 s[25], const u64 constants[24], u32 rounds) {
  static const int places[25] = {0, 1, 62, 28, 27, 36, 44, 6, 55, 20, 3, 10, 43, 25, 39, 41, 45, 15, 21, 8, 18, 2, 61, 56, 14};
  for (u32 r = 0; r < rounds; r++) {
    u64 c[5], d[5], b[25];
#pragma clang loop unroll(full)
    for (int x = 0; x < 5; x++) c[x] = s[x] ^ s[x + 5] ^ s[x + 10] ^ s[x + 15] ^ s[x + 20];
#pragma clang loop unroll(full)
    for (int x = 0; x < 5; x++) d[x] = c[(x + 4) % 5] ^ LEFT(c[(x + 1) % 5], 1);
#pragma clang loop unroll(full)
    for (int i = 0; i < 25; i++) {
      u64 word = s[i] ^ d[i % 5];
      b[i / 5 + 5 * ((2 * (i % 5) + 3 * (i / 5)) % 5)] = places[i] ? LEFT(word, places[i]) : word;
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 25; i++) s[i] = b[i] ^ (~b[(i + 1) % 5 + i / 5 * 5] & b[(i + 2) % 5 + i / 5 * 5]);
    s[0] ^= constants[r % 24];
  }
}

#define MIXED(to, one, two, n) \
  veorq_u32(veorq_u32(to, vshlq_n_u32(vaddq_u32(one, two), n)), vshrq_n_u32(vaddq_u32(one, two), 32 - n))

void vector_hash_salsa(uint32x4_t s[4], u32 rounds) {
  uint32x4_t a = s[0], b = s[1], c = s[2], d = s[3];
  for (u32 r = 0; r < rounds; r++) {
    b = MIXED(b, a, d, 7), c = MIXED(c, b, a, 9), d = MIXED(d, c, b, 13), a = MIXED(a, d, c, 18);
    b = MIXED(b, a, d, 7), c = MIXED(c, b, a, 9), d = MIXED(d, c, b, 13), a = MIXED(a, d, c, 18);
  }
  s[0] = a, s[1] = b, s[2] = c, s[3] = d;
}

void sha_instructions(uint32x4_t state[2], const uint32x4_t words[16], u32 blocks) {
  while (blocks--) {
    uint32x4_t abcd = state[0], efgh = state[1];
    for (int i = 0; i < 16; i += 4) {
      for (int k = 0; k < 4; k++) {
        uint32x4_t before = abcd;
        abcd = vsha256hq_u32(abcd, efgh, words[i + k]);
        efgh = vsha256h2q_u32(efgh, before, words[i + k]);
      }
    }
    state[0] = vaddq_u32(state[0], abcd), state[1] = vaddq_u32(state[1], efgh);
  }
}

void aes_scratchpad(unsigned char *pad, u64 state[4], u32 rounds) {
  u64 low = state[0], high = state[1];
  uint8x16_t key = vld1q_u8((unsigned char *)state + 16);
  while (rounds--) {
    unsigned char *at = pad + (low & 0x1ffff0);
    uint8x16_t block = vaesmcq_u8(vaeseq_u8(vld1q_u8(at), key));
    vst1q_u8(at, veorq_u8(block, key));
    u64 *other = (u64 *)(pad + (vgetq_lane_u64(vreinterpretq_u64_u8(block), 0) & 0x1ffff0));
    unsigned __int128 product = (unsigned __int128)vgetq_lane_u64(vreinterpretq_u64_u8(block), 0) * other[0];
    low += product >> 64, high += (u64)product;
    u64 first = other[0], second = other[1];
    other[0] = low, other[1] = high;
    low ^= first, high ^= second;
    key = block;
  }
  state[0] = low, state[1] = high;
}

u32 table_hash(const u32 *table, u32 mask, u32 mixed[8], u32 rounds) {
  u32 last = 0;
  for (u32 i = 0; i < rounds; i++) {
    u32 place = ((last ^ i) * 0x01000193u) & mask;
#pragma clang loop unroll(full) vectorize(disable)
    for (int k = 0; k < 8; k++) mixed[k] = (mixed[k] * 0x01000193u) ^ table[place + k];
    last = mixed[i & 7];
  }
  return last;
}

void ordinary_copy(u64 *to, const u64 *from, u32 count) {
#pragma clang loop unroll_count(8)
  for (u32 i = 0; i < count; i++) ((volatile u64 *)to)[i] = from[i];
}

u32 ordinary_name_hash(const unsigned char *name, u32 length) {
  u32 hash = 0x811c9dc5u;
  for (u32 i = 0; i < length; i++) hash = (hash ^ name[i]) * 0x01000193u;
  return hash;
}

double ordinary_sum(const double *one, const double *two, u32 count) {
  double sum = 0;
  for (u32 i = 0; i < count; i++) sum += one[i] * two[i];
  return sum;
}

u32 ordinary_words(const char *text, u32 length, u32 counts[256]) {
  u32 words = 0, in = 0;
  for (u32 i = 0; i < length; i++) {
    unsigned char c = text[i];
    counts[c]++;
    if (c == ' ' || c == '\n' || c == '\t') in = 0;
    else if (!in) in = 1, words++;
    if (c >= '0' && c <= '9') counts[0] += c - '0';
    else if (c >= 'a' && c <= 'z') counts[1] ^= c;
    else if (c == '"') while (i + 1 < length && text[i + 1] != '"') i++;
  }
  return words;
}

u64 ordinary_random(u64 s[2], u64 *to, u32 count) {
  for (u32 i = 0; i < count; i++) {
    u64 one = s[0], two = s[1];
    s[0] = two, one ^= one << 23, s[1] = one ^ two ^ (one >> 17) ^ (two >> 26);
    to[i] = s[1] + two;
  }
  return s[0];
}
