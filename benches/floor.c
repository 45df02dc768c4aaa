// The floors of a step: each rule as one plain loop, for the processor at hand, over memory that is aligned and in huge pages.
//
//     gcc -O3 -march=native -mprefer-vector-width=512 -fno-math-errno benches/floor.c -o target/floor -lm && target/floor
//
// Prints the median of 15 rounds for 1,000, 100,000 and 10,000,000 weights.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define ROUNDS 15
#define EACH for (size_t i = 0; i < n; i++)

typedef struct {
    float *w, *g, *m, *v;
} arrays;

static void copy(arrays a, size_t n) { memcpy(a.w, a.g, n * sizeof(float)); }
static void change(arrays a, size_t n) { EACH a.w[i] = 1.0f - a.w[i]; }
static void descent(arrays a, size_t n) { EACH a.w[i] -= 1e-4f * a.g[i]; }

static void momentum(arrays a, size_t n) {
    float *restrict w = a.w, *restrict g = a.g, *restrict m = a.m;
    EACH {
        m[i] = 0.9f * m[i] + g[i];
        w[i] -= 1e-4f * m[i];
    }
}

static void adagrad(arrays a, size_t n) {
    float *restrict w = a.w, *restrict g = a.g, *restrict v = a.v;
    EACH {
        v[i] += g[i] * g[i];
        w[i] -= 1e-4f * g[i] / (sqrtf(v[i]) + 1e-10f);
    }
}

static void rmsprop(arrays a, size_t n) {
    float *restrict w = a.w, *restrict g = a.g, *restrict v = a.v;
    EACH {
        v[i] = 0.99f * v[i] + 0.01f * g[i] * g[i];
        w[i] -= 1e-4f * g[i] / (sqrtf(v[i]) + 1e-8f);
    }
}

static void adam(arrays a, size_t n) {
    float *restrict w = a.w, *restrict g = a.g, *restrict m = a.m, *restrict v = a.v;
    EACH {
        m[i] = 0.9f * m[i] + 0.1f * g[i];
        v[i] = 0.999f * v[i] + 0.001f * g[i] * g[i];
        w[i] -= 1e-4f * m[i] / (sqrtf(v[i]) + 1e-8f);
    }
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec * 1e-3;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Each array begins at another place in its page, or they would drive each other out of the cache.
static float *room(size_t n, float start) {
    static size_t made = 0;
    size_t page = 2 << 20, shift = 1088 * made++;
    size_t bytes = ((n + shift) * sizeof(float) + page - 1) / page * page;
    float *values = aligned_alloc(page, bytes);
    if (!values) exit(1);
    madvise(values, bytes, MADV_HUGEPAGE);
    values += shift;
    EACH values[i] = start + 1e-3f * (float)(i * 7919 % 1013);
    return values;
}

int main(void) {
    struct {
        const char *name;
        void (*step)(arrays, size_t);
    } rules[] = {{"copy", copy},         {"change in place", change}, {"plain descent", descent}, {"momentum", momentum},
                 {"adagrad", adagrad}, {"rmsprop", rmsprop},       {"adam", adam}};
    size_t sizes[] = {1000, 100000, 10000000};
    for (size_t s = 0; s < 3; s++) {
        size_t n = sizes[s], times = 20000000 / n;
        arrays a = {room(n, 0.5f), room(n, -0.5f), room(n, 0.0f), room(n, 0.0f)};
        for (size_t r = 0; r < sizeof rules / sizeof rules[0]; r++) {
            double took[ROUNDS];
            for (int round = 0; round < ROUNDS; round++) {
                double start = now();
                for (size_t t = 0; t < times; t++) {
                    rules[r].step(a, n);
                    __asm__ volatile("" ::: "memory");
                }
                took[round] = (now() - start) / times;
            }
            qsort(took, ROUNDS, sizeof took[0], by_size);
            printf("%9zu weights  %-16s %10.3f us\n", n, rules[r].name, took[ROUNDS / 2]);
        }
    }
}
