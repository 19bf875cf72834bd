package org.turboesm.esm2;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The published ESM-2 models (Lin et al. 2023) by the number of parameters that names them. */
public final class Esm2Family {
  private static final Map<String, EsmConfig> CONFIGS = new LinkedHashMap<>();

  static {
    add("8M", 6, 320, 20);
    add("35M", 12, 480, 20);
    add("150M", 30, 640, 20);
    add("650M", 33, 1280, 20);
    add("3B", 36, 2560, 40);
    add("15B", 48, 5120, 40);
  }

  private Esm2Family() {}

  private static void add(String name, int layers, int hiddenSize, int heads) {
    CONFIGS.put(
        name,
        new EsmConfig(
            layers,
            hiddenSize,
            heads,
            4 * hiddenSize,
            EsmTokenizer.VOCABULARY_SIZE,
            1e-5f,
            10000f,
            true,
            true));
  }

  /** The names, smallest model first. */
  public static List<String> names() {
    return List.copyOf(CONFIGS.keySet());
  }

  /** The sizes of the model of that name, or empty. */
  public static Optional<EsmConfig> config(String name) {
    return Optional.ofNullable(CONFIGS.get(name));
  }
}
