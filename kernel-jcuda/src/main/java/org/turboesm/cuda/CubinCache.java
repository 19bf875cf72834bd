package org.turboesm.cuda;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Compiled kernels on disk, named by the hash of all that went into them, so that an executor
 * starts without compiling. A file that is not whole is compiled anew and replaced; where the
 * folder cannot be written, kernels are compiled at each start.
 */
final class CubinCache {
  /** Where cubins lie; an empty one turns the cache off. */
  static final String SETTING = "TURBOESM_CUBIN_CACHE";

  private static final Logger LOG = LoggerFactory.getLogger(CubinCache.class);
  private static final String SUFFIX = ".cubin";
  private static final int FORMAT = 1;
  private static final int HASH_BYTES = 32;

  private final Optional<Path> folder;

  CubinCache(Optional<Path> folder) {
    this.folder = folder;
  }

  /** The cache of this user: {@value #SETTING}, or turboesm/cubins in the user's cache folder. */
  static CubinCache ofThisUser() {
    String setting = System.getenv(SETTING);
    if (setting != null) {
      return new CubinCache(setting.isEmpty() ? Optional.empty() : Optional.of(Path.of(setting)));
    }
    String caches = System.getenv("XDG_CACHE_HOME");
    Path parent =
        caches == null || caches.isEmpty()
            ? Path.of(System.getProperty("user.home"), ".cache")
            : Path.of(caches);
    return new CubinCache(Optional.of(parent.resolve("turboesm").resolve("cubins")));
  }

  /** What the kernels are known by: their sources, the options and the compiler. */
  static String key(KernelSource source, List<String> options, String compilerVersion) {
    MessageDigest digest = sha256();
    update(digest, "format " + FORMAT);
    update(digest, compilerVersion);
    options.forEach(option -> update(digest, option));
    update(digest, source.file());
    update(digest, source.text());
    source
        .headers()
        .forEach(
            (name, text) -> {
              update(digest, name);
              update(digest, text);
            });
    return HexFormat.of().formatHex(digest.digest());
  }

  private static void update(MessageDigest digest, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    digest.update((bytes.length + ":").getBytes(StandardCharsets.UTF_8));
    digest.update(bytes);
  }

  /** The kernels of this key, if they are kept here and whole. */
  Optional<CompiledKernels> find(String key) {
    return folder.map(parent -> parent.resolve(key + SUFFIX)).flatMap(CubinCache::read);
  }

  /** Keeps kernels, in place of what was kept under the key before. */
  void keep(String key, CompiledKernels kernels) {
    folder.ifPresent(parent -> write(parent.resolve(key + SUFFIX), kernels));
  }

  private static Optional<CompiledKernels> read(Path file) {
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try {
      byte[] bytes = Files.readAllBytes(file);
      if (bytes.length > HASH_BYTES) {
        byte[] content = Arrays.copyOfRange(bytes, HASH_BYTES, bytes.length);
        if (Arrays.equals(Arrays.copyOf(bytes, HASH_BYTES), sha256().digest(content))) {
          return Optional.of(decode(content));
        }
      }
      LOG.warn("{} is damaged; the kernels are compiled anew", file);
    } catch (IOException e) {
      LOG.warn("{} cannot be read; the kernels are compiled anew: {}", file, e.toString());
    }
    return Optional.empty();
  }

  private void write(Path file, CompiledKernels kernels) {
    try {
      Files.createDirectories(folder.get());
      byte[] content = encode(kernels);
      Path temporary = Files.createTempFile(folder.get(), "new-", SUFFIX);
      try {
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        whole.write(sha256().digest(content));
        whole.write(content);
        Files.write(temporary, whole.toByteArray());
        Files.move(
            temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      } finally {
        Files.deleteIfExists(temporary);
      }
    } catch (IOException e) {
      LOG.warn(
          "compiled kernels cannot be kept in {} ({}); name another folder in {}",
          folder.get(),
          e.toString(),
          SETTING);
    }
  }

  private static byte[] encode(CompiledKernels kernels) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeInt(kernels.signatures().size());
      for (KernelSignature signature : kernels.signatures()) {
        out.writeUTF(signature.name());
        out.writeInt(signature.parameters().size());
        for (String parameter : signature.parameters()) {
          out.writeUTF(parameter);
        }
      }
      out.writeInt(kernels.cubin().length);
      out.write(kernels.cubin());
    }
    return bytes.toByteArray();
  }

  private static CompiledKernels decode(byte[] content) throws IOException {
    try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(content))) {
      List<KernelSignature> signatures = new ArrayList<>();
      int count = in.readInt();
      for (int i = 0; i < count; i++) {
        String name = in.readUTF();
        int parameters = in.readInt();
        List<String> types = new ArrayList<>();
        for (int p = 0; p < parameters; p++) {
          types.add(in.readUTF());
        }
        signatures.add(new KernelSignature(name, List.copyOf(types)));
      }
      byte[] cubin = new byte[in.readInt()];
      in.readFully(cubin);
      return new CompiledKernels(cubin, List.copyOf(signatures));
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
