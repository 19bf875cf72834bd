package org.turboesm.fidelity;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngines;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.RandomEsmModel;

class StateComparisonTest {
  /** One row turned about; the mean of a bin that has it, and others alike, is below 1. */
  @Test
  void positionsStartAtTheFirstTokenCompared(@TempDir Path folder) {
    EsmConfig config = RandomEsmModel.config(1, 1, 2);
    float[] reference = new float[2 * 20];
    Arrays.fill(reference, 1);
    float[] actual = reference.clone();
    actual[2 * 14] = -1;
    actual[2 * 14 + 1] = -1;
    RandomEsmModel.of(config, 1).write(folder);
    try (EsmWeights weights = EsmWeights.open(folder);
        EsmEngine engine = EsmEngines.open("reference", "f32", weights)) {
      // Row 14 is at position 3 from row 12 on, and at 15 from row 0 on.
      PositionFidelity decoded = new StateComparison(engine, reference, actual, 12).positions();
      PositionFidelity all = new StateComparison(engine, reference, actual, 0).positions();
      assertThat(Arrays.copyOf(decoded.tokens(), 5)).containsExactly(1, 2, 4, 1, 0);
      assertThat(Arrays.copyOf(all.tokens(), 5)).containsExactly(1, 2, 4, 8, 5);
      assertThat(lowest(decoded.cosineMean())).isEqualTo(1);
      assertThat(lowest(all.cosineMean())).isEqualTo(3);
    }
  }

  private static int lowest(double[] cosines) {
    int lowest = 0;
    for (int bin = 1; bin < cosines.length; bin++) {
      if (cosines[bin] < cosines[lowest]) {
        lowest = bin;
      }
    }
    return lowest;
  }
}
