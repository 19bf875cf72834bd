package org.turboesm.engine.cuda;

import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.Arguments;
import org.turboesm.engine.Precision;

/** Every number format of the kernels with every head dimension. */
final class CudaFormats {
  private static final int[] HEAD_DIMS = {16, 24, 32, 64, 128};

  private CudaFormats() {}

  static Stream<Arguments> all() {
    return Stream.of(Precision.F32, Precision.BF16, Precision.INT8)
        .flatMap(
            precision -> IntStream.of(HEAD_DIMS).mapToObj(size -> Arguments.of(precision, size)));
  }
}
