package org.turboesm.engine.cuda;

import java.util.Arrays;
import java.util.List;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.TokenBatch;

/**
 * The tokens of a pass on the device.
 *
 * @param rows tokens
 * @param tokens ints, [rows]
 * @param sequenceOfToken ints, [rows]
 * @param sequenceScales floats, [sequences], token dropout's
 * @param positions ints, [rows]
 */
record PassInputs(
    int rows,
    DevicePointer tokens,
    DevicePointer sequenceOfToken,
    DevicePointer sequenceScales,
    DevicePointer positions) {

  /** How many arrays {@link #arrays} gives. */
  static final int ARRAYS = 4;

  /** What is to be uploaded, in the order of the fields; floats as their bits. */
  static List<int[]> arrays(TokenBatch batch, EsmConfig config) {
    int[] sequenceOfToken = new int[batch.size()];
    int[] scales = new int[batch.sequences()];
    for (int s = 0; s < batch.sequences(); s++) {
      scales[s] = Float.floatToRawIntBits(config.embeddingScale(batch.maskedFractions()[s]));
      Arrays.fill(sequenceOfToken, batch.cuSeqlens()[s], batch.cuSeqlens()[s + 1], s);
    }
    return List.of(batch.tokens(), sequenceOfToken, scales, batch.positionOfToken());
  }

  /** The uploaded arrays. */
  static PassInputs of(int rows, List<DevicePointer> uploaded) {
    return new PassInputs(rows, uploaded.get(0), uploaded.get(1), uploaded.get(2), uploaded.get(3));
  }
}
