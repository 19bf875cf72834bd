package org.turboesm.engine.cuda;

import java.util.List;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.TokenBatch;

/** What the host wants of a pass's last hidden states. */
enum PassResult {
  /** All of them, [tokens, hidden]. */
  HIDDEN_STATES {
    @Override
    List<int[]> arrays(TokenBatch batch) {
      return List.of();
    }

    @Override
    float[] download(
        Lane lane,
        PoolingKernels pooling,
        EsmConfig config,
        TokenBatch batch,
        Workspace w,
        List<DevicePointer> uploaded) {
      return lane.floats(w.hidden(), batch.size() * config.hiddenSize());
    }
  },

  /** Their means over each protein's residues, [sequences, hidden]. */
  MEANS {
    @Override
    List<int[]> arrays(TokenBatch batch) {
      return List.of(batch.cuSeqlens());
    }

    @Override
    float[] download(
        Lane lane,
        PoolingKernels pooling,
        EsmConfig config,
        TokenBatch batch,
        Workspace w,
        List<DevicePointer> uploaded) {
      // Nothing reads the residual stream any more, and there are no more means than rows of it.
      DevicePointer means = w.x();
      pooling.mean(
          lane.stream(),
          batch.sequences(),
          config.hiddenSize(),
          w.hidden(),
          uploaded.get(0),
          means);
      return lane.floats(means, batch.sequences() * config.hiddenSize());
    }
  };

  /** What is uploaded with the pass's inputs. */
  abstract List<int[]> arrays(TokenBatch batch);

  /**
   * Waits for the pass and gives the result.
   *
   * @param uploaded the {@link #arrays}
   */
  abstract float[] download(
      Lane lane,
      PoolingKernels pooling,
      EsmConfig config,
      TokenBatch batch,
      Workspace w,
      List<DevicePointer> uploaded);
}
