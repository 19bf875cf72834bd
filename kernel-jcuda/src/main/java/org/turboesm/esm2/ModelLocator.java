package org.turboesm.esm2;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.turboesm.TurboEsmException;

/**
 * From the name of a model to its folder: {@code demo} is the small model inside the jar, a path is
 * a folder of this machine, and {@code owner/name} is looked up in the local Hugging Face cache.
 */
public final class ModelLocator {
  /** The name of the embedded model. */
  public static final String DEMO = "demo";

  private static final List<String> DEMO_FILES = List.of("config.json", "model.safetensors");
  private static final Pattern HUB_ID = Pattern.compile("[\\w.-]+/[\\w.-]+");

  private final Map<String, String> environment;

  /**
   * @param environment where HF_HUB_CACHE, HF_HOME and HOME are read
   */
  ModelLocator(Map<String, String> environment) {
    this.environment = environment;
  }

  /**
   * The folder of a model.
   *
   * @throws TurboEsmException if there is none, saying where it was looked for
   */
  public static Path locate(String model) {
    return new ModelLocator(System.getenv()).find(model);
  }

  Path find(String model) {
    if (model.equals(DEMO)) {
      return extractDemo();
    }
    Path folder = Path.of(model);
    if (Files.isDirectory(folder)) {
      return folder;
    }
    if (HUB_ID.matcher(model).matches()) {
      return findInHubCache(model);
    }
    throw new TurboEsmException(
        "model \""
            + model
            + "\": no such folder; expected a folder with config.json and safetensors, a hub id"
            + " like facebook/esm2_t33_650M_UR50D that is in the local cache, or demo");
  }

  private Path findInHubCache(String id) {
    Path cache = hubCache();
    Path repository = cache.resolve("models--" + id.replace("/", "--"));
    Path reference = repository.resolve("refs").resolve("main");
    if (Files.isRegularFile(reference)) {
      try {
        Path snapshot =
            repository.resolve("snapshots").resolve(Files.readString(reference).strip());
        if (Files.isDirectory(snapshot)) {
          return snapshot;
        }
      } catch (IOException e) {
        throw new TurboEsmException(reference + ": cannot be read: " + e.getMessage(), e);
      }
    }
    throw new TurboEsmException(
        "model \""
            + id
            + "\" is neither a folder nor in the Hugging Face cache "
            + cache
            + "; fetch it there with \"hf download "
            + id
            + "\" (HF_HOME moves the cache)");
  }

  private Path hubCache() {
    String hubCache = environment.get("HF_HUB_CACHE");
    if (hubCache != null) {
      return Path.of(hubCache);
    }
    String home = environment.get("HF_HOME");
    Path base =
        home != null
            ? Path.of(home)
            : Path.of(environment.getOrDefault("HOME", ""), ".cache", "huggingface");
    return base.resolve("hub");
  }

  /** Extracts the embedded model once; a later call finds it by its content's hash. */
  private static Path extractDemo() {
    Map<String, byte[]> files = new TreeMap<>();
    for (String name : DEMO_FILES) {
      files.put(name, resource("demo/" + name));
    }
    Path folder =
        Path.of(
            System.getProperty("java.io.tmpdir"),
            "turboesm-" + System.getProperty("user.name") + "-demo-" + hash(files));
    files.forEach((name, content) -> place(folder, name, content));
    return folder;
  }

  private static byte[] resource(String name) {
    try (InputStream stream = ModelLocator.class.getResourceAsStream(name)) {
      if (stream == null) {
        throw new TurboEsmException("resource " + name + " is missing from the jar; build it anew");
      }
      return stream.readAllBytes();
    } catch (IOException e) {
      throw new TurboEsmException("resource " + name + " cannot be read: " + e.getMessage(), e);
    }
  }

  /** Writes a file unless it is there with this very content; never half a file. */
  private static void place(Path folder, String name, byte[] content) {
    Path file = folder.resolve(name);
    try {
      if (Files.isRegularFile(file) && Arrays.equals(Files.readAllBytes(file), content)) {
        return;
      }
      Files.createDirectories(folder);
      Path partial = Files.createTempFile(folder, name, ".partial");
      Files.write(partial, content);
      Files.move(
          partial, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new TurboEsmException(file + ": cannot be written: " + e.getMessage(), e);
    }
  }

  private static String hash(Map<String, byte[]> files) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      files.forEach(
          (name, content) -> {
            digest.update(name.getBytes(StandardCharsets.UTF_8));
            digest.update(content);
          });
      return HexFormat.of().formatHex(digest.digest(), 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
