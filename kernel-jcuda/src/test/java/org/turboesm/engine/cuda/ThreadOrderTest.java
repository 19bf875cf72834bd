package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngines;
import org.turboesm.engine.KvPrecision;
import org.turboesm.engine.LockstepDecoder;
import org.turboesm.engine.Prefill;
import org.turboesm.engine.TurboEngine;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;

/**
 * The engine's results do not depend on the order in which a block's threads run, nor on when a
 * stream does its work: a missing barrier or a missing wait would show.
 */
@Tag("cuda")
class ThreadOrderTest {

  @BeforeEach
  void onlyEmulated() {
    Emulator.assume();
  }

  @ParameterizedTest
  @ValueSource(strings = {"f32", "bf16", "int8"})
  void allOrdersAndTimesGiveTheSameBits(String precision) throws Exception {
    Map<String, String> printed = new LinkedHashMap<>();
    for (String order : new String[] {"forward", "reversed", "seeded:1"}) {
      printed.put(order, Emulator.run(PrintHashes.class, "ORDER", order, precision));
    }
    printed.put("late", Emulator.run(PrintHashes.class, "STREAMS", "late", precision));

    assertThat(printed.get("forward"))
        .containsPattern("encode [0-9a-f]{64}\n")
        .containsPattern("logits [0-9a-f]{64}\n")
        .containsPattern("projected [0-9a-f]{64}\n")
        .containsPattern("turbo [0-9a-f]{64}\n")
        .containsPattern("decode PACKED [0-9a-f]{64}\n")
        .containsPattern("decode FULL [0-9a-f]{64}\n");
    assertThat(printed.values()).as("%s", printed).containsOnly(printed.get("forward"));
  }

  /** Prints a hash of what each mode gives. */
  static final class PrintHashes {
    public static void main(String[] arguments) throws Exception {
      Path folder = Files.createTempDirectory("model");
      TokenBatch batch = SmallModel.batch(2, 34, 67);
      try (EsmWeights weights = SmallModel.weights(folder);
          EsmEngine engine = EsmEngines.open("cuda", arguments[0], weights);
          TurboEngine turbo = engine.turbo(SmallModel.codec())) {
        float[] hidden = engine.encode(batch, ForwardObserver.NONE);
        print("encode", hidden);
        print("logits", engine.logits(hidden, batch.size()));
        print("projected", engine.projectAttention(1, hidden, batch.size()));
        print("turbo", turbo.turbo(batch, ForwardObserver.NONE));
        for (KvPrecision precision : KvPrecision.values()) {
          print(
              "decode " + precision,
              LockstepDecoder.decode(turbo, batch, Prefill.parse("0.8"), precision).hidden());
        }
      }
    }

    private static void print(String name, float[] values) throws Exception {
      ByteBuffer bytes = ByteBuffer.allocate(values.length * Float.BYTES);
      bytes.asFloatBuffer().put(values);
      System.out.println(
          name
              + ' '
              + HexFormat.of()
                  .formatHex(MessageDigest.getInstance("SHA-256").digest(bytes.array())));
    }
  }
}
