package org.turboesm.udf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.Supplier;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.junit.jupiter.api.Test;
import org.turboesm.OutOfDeviceMemoryException;
import org.turboesm.TurboEsmException;
import org.turboesm.engine.EsmEngine;

class ProteinBatchesTest {

  /** As Spark's generated code: next() without hasNext() before it fails. */
  private static Iterator<Row> strict(List<Row> rows) {
    Iterator<Row> iterator = rows.iterator();
    return new Iterator<>() {
      private boolean asked;

      @Override
      public boolean hasNext() {
        asked = true;
        return iterator.hasNext();
      }

      @Override
      public Row next() {
        assertThat(asked).isTrue();
        asked = false;
        return iterator.next();
      }
    };
  }

  private static List<Row> rows(List<Integer> lengths) {
    return lengths.stream().map(length -> RowFactory.create(length, "M".repeat(length))).toList();
  }

  @Property
  void keepOrderAndBudget(
      @ForAll @Size(max = 40) List<@IntRange(min = 1, max = 50) Integer> lengths,
      @ForAll @IntRange(min = 1, max = 120) int budget) {
    List<Row> seen = new ArrayList<>();
    int previous = 0;
    ProteinBatches batches = new ProteinBatches(strict(rows(lengths)), 1, budget);
    while (batches.hasNext()) {
      ProteinBatch batch = batches.next();
      assertThat(batch.tokens().sequences()).isEqualTo(batch.rows().size());
      for (int s = 0; s < batch.rows().size(); s++) {
        assertThat(batch.tokens().length(s)).isEqualTo(batch.rows().get(s).getInt(0) + 2);
      }
      assertThat(batch.rows().size() == 1 || batch.tokens().size() <= budget).isTrue();
      // No batch is split needlessly.
      assertThat(previous == 0 || previous + batch.tokens().length(0) > budget).isTrue();
      previous = batch.tokens().size();
      seen.addAll(batch.rows());
    }
    assertThat(seen).isEqualTo(rows(lengths));
  }

  @Test
  void refuseProteinsWithoutResidues() {
    ProteinBatches batches =
        new ProteinBatches(strict(List.of(RowFactory.create("p7", ""))), 1, 10);
    assertThatThrownBy(batches::hasNext)
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("p7");
  }

  /** Proteins of 3, 4 and so on to 12 tokens; whatever is split comes again, in order. */
  @Property
  void splitBatchesComeAgainInHalves(@ForAll @IntRange(min = 2, max = 75) int fitting) {
    List<Row> all = rows(List.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
    ProteinBatches batches = new ProteinBatches(strict(all), 1, 75);
    List<Row> seen = new ArrayList<>();
    int splits = 0;
    int budget = 75;
    while (batches.hasNext()) {
      ProteinBatch batch = batches.next();
      assertThat(batch.rows().size() == 1 || batch.tokens().size() <= budget).isTrue();
      for (int s = 0; s < batch.rows().size(); s++) {
        assertThat(batch.tokens().length(s)).isEqualTo(batch.rows().get(s).getInt(0) + 2);
      }
      if (batch.tokens().size() > fitting && batch.rows().size() > 1) {
        batches.split(batch);
        budget = batch.tokens().size() / 2;
        splits++;
      } else {
        seen.addAll(batch.rows());
      }
    }
    assertThat(seen).isEqualTo(all);
    assertThat(splits > 0).isEqualTo(fitting < 75);
  }

  @Test
  void batchOfOneProteinCannotBeSplit() {
    ProteinBatches batches = new ProteinBatches(strict(rows(List.of(5))), 1, 1);
    ProteinBatch batch = batches.next();
    assertThatThrownBy(() -> batches.split(batch)).isInstanceOf(IllegalArgumentException.class);
  }

  /**
   * An engine whose memory others have, unless work runs alone; nothing of a model can be called.
   */
  private static final class Crowded implements InvocationHandler {
    private boolean alone;

    EsmEngine engine() {
      return (EsmEngine)
          Proxy.newProxyInstance(
              EsmEngine.class.getClassLoader(), new Class<?>[] {EsmEngine.class}, this);
    }

    @Override
    public Object invoke(Object proxy, Method method, Object[] arguments) throws Throwable {
      if (!method.getName().equals("runAlone")) {
        return InvocationHandler.invokeDefault(proxy, method, arguments);
      }
      alone = true;
      try {
        return ((Supplier<?>) arguments[0]).get();
      } finally {
        alone = false;
      }
    }
  }

  /** Of 3, 7, 6, 12 and 3 tokens; three fit beside others, ten alone. */
  @Test
  void batchesAreRunAloneThenInHalvesThenOneByOne() {
    List<Row> all = rows(List.of(1, 5, 4, 10, 1));
    ProteinBatches batches = new ProteinBatches(strict(all), 1, 31);
    Crowded crowded = new Crowded();
    List<String> runs = new ArrayList<>();
    List<Row> refused = new ArrayList<>();
    while (batches.hasNext()) {
      batches.runNext(
          crowded.engine(),
          batch -> {
            int tokens = batch.tokens().size();
            runs.add(tokens + (crowded.alone ? " alone" : ""));
            if (crowded.alone ? tokens > 10 : tokens > 3) {
              OutOfDeviceMemoryException full = new OutOfDeviceMemoryException("full");
              throw crowded.alone ? full : full.perhapsBesideOthers();
            }
          },
          (protein, cause) -> {
            assertThat(cause.besideOthers()).isFalse();
            refused.add(protein);
          });
    }

    assertThat(runs)
        .containsExactly(
            "31",
            "31 alone",
            "10",
            "10 alone",
            "6",
            "6 alone",
            "15",
            "15 alone",
            "12",
            "12 alone",
            "3");
    assertThat(refused).containsExactly(all.get(3));
  }
}
