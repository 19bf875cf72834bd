package org.turboesm.udf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class LeaseCacheTest {
  private final Set<String> broken = new HashSet<>();
  private final List<String> closed = new ArrayList<>();
  private final LeaseCache<String, String> cache =
      new LeaseCache<>(1, value -> !broken.contains(value), closed::add, Duration.ZERO);

  @Test
  void opensOnceAndSharesUntilAnotherIsAskedFor() {
    Lease<String> first = cache.lease("a", () -> "A");
    Lease<String> second = cache.lease("a", () -> "another A");
    assertThat(second.value()).isSameAs(first.value());
    first.close();
    first.close();
    second.close();
    assertThat(closed).isEmpty();
    assertThat(cache.lease("a", () -> "another A").value()).isEqualTo("A");
  }

  @Test
  void closesWhatNobodyUsesBeforeAnotherIsOpened() {
    cache.lease("a", () -> "A").close();
    cache
        .lease(
            "b",
            () -> {
              assertThat(closed).containsExactly("A");
              return "B";
            })
        .close();
    assertThat(closed).containsExactly("A");
  }

  @Test
  void keepsWhatIsInUse() {
    Lease<String> a = cache.lease("a", () -> "A");
    Lease<String> b = cache.lease("b", () -> "B");
    assertThat(closed).isEmpty();
    a.close();
    assertThat(closed).isEmpty();
    b.close();
    assertThat(closed).containsExactly("A");
    cache.close();
    assertThat(closed).containsExactly("A", "B");
  }

  @Test
  void opensAnotherForWhatBrokeWhileItWasIdle() {
    cache.lease("a", () -> "A").close();
    broken.add("A");
    assertThat(cache.lease("a", () -> "another A").value()).isEqualTo("another A");
    assertThat(closed).containsExactly("A");
  }

  @Test
  void brokenValueIsClosedWithItsLastLeaseAndNotLeasedAgain() {
    Lease<String> first = cache.lease("a", () -> "A");
    Lease<String> second = cache.lease("a", () -> "A");
    broken.add("A");
    first.close();
    Lease<String> other = cache.lease("a", () -> "another A");
    assertThat(other.value()).isEqualTo("another A");
    assertThat(closed).isEmpty();
    second.close();
    assertThat(closed).containsExactly("A");
    other.close();
    assertThat(cache.lease("a", () -> "a third A").value()).isEqualTo("another A");
    assertThat(closed).containsExactly("A");
  }

  @Test
  void brokenValueMayFailToClose() {
    LeaseCache<String, String> failing =
        new LeaseCache<>(
            1,
            value -> !broken.contains(value),
            value -> {
              throw new IllegalStateException("lost");
            },
            Duration.ZERO);
    Lease<String> lease = failing.lease("a", () -> "A");
    broken.add("A");
    lease.close();
    assertThat(failing.lease("a", () -> "another A").value()).isEqualTo("another A");
  }

  /** A device's context ends with its last user: whoever opens it before gets the failed one. */
  @Test
  void opensAnotherOnlyWhenTheLastLeaseOfAFailedOneHasEnded() throws Exception {
    LeaseCache<String, String> patient =
        new LeaseCache<>(1, value -> !broken.contains(value), closed::add, Duration.ofMinutes(1));
    Lease<String> lease = patient.lease("a", () -> "A");
    broken.add("A");
    ExecutorService thread = Executors.newSingleThreadExecutor();
    try {
      CountDownLatch asked = new CountDownLatch(1);
      Future<List<String>> closedBefore =
          thread.submit(
              () -> {
                asked.countDown();
                List<String> seen = new ArrayList<>();
                patient.lease(
                    "a",
                    () -> {
                      seen.addAll(closed);
                      return "another A";
                    });
                return seen;
              });
      asked.await();
      assertThatThrownBy(() -> closedBefore.get(200, TimeUnit.MILLISECONDS))
          .isInstanceOf(TimeoutException.class);
      lease.close();
      assertThat(closedBefore.get()).containsExactly("A");
    } finally {
      thread.shutdownNow();
    }
  }

  @Test
  void triesAgainAfterAFailure() {
    assertThatThrownBy(
            () ->
                cache.lease(
                    "a",
                    () -> {
                      throw new IllegalStateException("no");
                    }))
        .hasMessage("no");
    assertThat(cache.lease("a", () -> "A").value()).isEqualTo("A");
    assertThat(closed).isEmpty();
  }

  @Test
  void manyThreadsOpenItOnce() throws Exception {
    AtomicInteger opened = new AtomicInteger();
    AtomicInteger closedValues = new AtomicInteger();
    LeaseCache<Integer, Integer> shared =
        new LeaseCache<>(1, value -> true, value -> closedValues.incrementAndGet(), Duration.ZERO);
    CountDownLatch start = new CountDownLatch(1);
    ExecutorService threads = Executors.newFixedThreadPool(8);
    try {
      List<Future<Integer>> values = new ArrayList<>();
      for (int i = 0; i < 64; i++) {
        Callable<Integer> use =
            () -> {
              start.await();
              try (Lease<Integer> lease =
                  shared.lease(
                      1,
                      () -> {
                        opened.incrementAndGet();
                        return 17;
                      })) {
                return lease.value();
              }
            };
        values.add(threads.submit(use));
      }
      start.countDown();
      for (Future<Integer> value : values) {
        assertThat(value.get()).isEqualTo(17);
      }
    } finally {
      threads.shutdownNow();
    }
    assertThat(opened).hasValue(1);
    assertThat(closedValues).hasValue(0);
  }
}
